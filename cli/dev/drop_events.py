"""The folder bucket's finalize event, and whether it has arrived."""

from __future__ import annotations

from pathlib import PurePosixPath

import structlog
from sqlalchemy import Engine, exists, select

from shared.db.models import Video
from shared.domain.names import video_identifier
from shared.messages import VideoUploaded
from shared.messaging.outgoing import outgoing
from shared.pipeline.context import Context
from shared.storage.protocol import ObjectStat
from shared.storage.urls import split_url

_log = structlog.get_logger(__name__)


def announce_drop(context: Context, stat: ObjectStat) -> None:
    """Publish that the object is complete. Raises `PublishFailed`."""
    message = VideoUploaded(source_url=stat.url, generation=stat.generation)
    context.publisher.publish([outgoing(message)])
    _log.info("dropped", url=stat.url, bytes=stat.size_bytes)


def is_registered(engine: Engine, stat: ObjectStat) -> bool:
    """Whether that version of the object has its video's row."""
    stem = PurePosixPath(split_url(stat.url).name).stem
    identifier = video_identifier(stat.url, stat.generation, stem)
    with engine.connect() as connection:
        return bool(connection.scalar(select(exists().where(Video.identifier == identifier))))
