"""Admit messages from outside: register the video, begin its run, queue the first stage.

Derived identifiers make admission idempotent: an event that is delivered twice, or two events about
one object, lead to one video and one run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import Run, RunStatus, Video
from shared.domain.names import pipeline_identifier, video_identifier
from shared.error_codes.runs import OPTIONS_CLASH
from shared.errors import ObjectMissing, Reject, SourceGone, SourceSuperseded
from shared.messages.base import PipelineType
from shared.messages.options import Options
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.messaging.delivery import Ignored
from shared.moments.generation_config import ensure_config, generator_of
from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import queue
from shared.pipeline.stage import Stage
from shared.storage.protocol import ObjectStat
from shared.videos.deletion_rows import find_deletion, hold_identifier
from shared.videos.history import open_video_run
from shared.videos.lookup import deleted_video, unknown_video
from shared.videos.registration import identifier_of, name_stem, not_a_source, register_video

VIDEO_DELETED = Ignored("the video was deleted")
EntryMessage = TypeVar("EntryMessage", VideoUploaded, PipelineRequested)


@dataclass(frozen=True, slots=True)
class _Request:
    """A run to begin. `video` is the identifier that the source must have, if any was named."""

    pipeline_type: PipelineType = "full"
    request_id: str | None = None
    video: str | None = None


def admit_upload(context: Context, stage: Stage, message: VideoUploaded) -> VideoUploaded | Ignored:
    """Begin a full run of an uploaded video. Raises Reject.

    Ignores a late event about a deleted video, which must not bring the video back.
    """
    if message.pipeline is not None:
        return message
    url = message.source_url
    if reason := not_a_source(url):
        return Ignored(reason)
    try:
        stat = context.storage.stat(url)
    except ObjectMissing:
        if _is_deleted(context, url, message.generation):
            return VIDEO_DELETED
        raise SourceGone(url) from None
    return _admit(context, stage, message, stat, _Request()) or VIDEO_DELETED


def admit_request(
    context: Context, stage: Stage, message: PipelineRequested
) -> PipelineRequested | Ignored:
    """Begin the requested run. Raises Reject, also for a deleted video."""
    if message.pipeline is not None:
        return message
    url = _requested_url(context, message)
    if reason := not_a_source(url):
        return Ignored(reason)
    try:
        stat = context.storage.stat(url)
    except ObjectMissing:
        raise SourceGone(url) from None
    request = _Request(message.pipeline_type, message.request_id, message.video)
    admitted = _admit(context, stage, message, stat, request)
    if admitted is None:
        raise deleted_video(identifier_of(stat))
    return admitted


def _is_deleted(context: Context, url: str, generation: str | None) -> bool:
    """True if the video of this version of the object was deleted."""
    if generation is None:
        return False
    with context.session() as session:
        return find_deletion(session, video_identifier(url, generation, name_stem(url))) is not None


def _requested_url(context: Context, message: PipelineRequested) -> str:
    if message.source_url is not None:
        return message.source_url
    with context.session() as session:
        url = session.execute(
            select(Video.cloud_url).where(Video.identifier == message.video)
        ).scalar_one_or_none()
        if url is None:
            raise unknown_video(session, message.video or "")
        return url


def _admit(
    context: Context, stage: Stage, message: EntryMessage, stat: ObjectStat, request: _Request
) -> EntryMessage | Ignored | None:
    """The message with its run's name and all its options. None for a deleted video."""
    if stat.size_bytes == 0:
        return Ignored("the file is empty")
    options = _resolved(context, message.options)
    with context.session() as session, session.begin():
        # A deletion locks in the same order: first the identifier, then the video's rows.
        hold_identifier(session, identifier_of(stat))
        if find_deletion(session, identifier_of(stat)) is not None:
            return None
        video = register_video(session, stat)
        if request.video not in (None, video.identifier):
            raise SourceSuperseded(stat.url)
        run = _begin_run(session, video, request, options, context)
        admitted = message.model_copy(update={"pipeline": run.identifier, "options": options})
        if run.status == RunStatus.RUNNING:
            queue(session, run.id, stage, admitted, parent_id=None, clock=context.clock)
    return admitted


def _resolved(context: Context, options: Options) -> Options:
    """The options of the run for good: no stage reads the settings for them again."""
    try:
        return context.settings.resolve(options)
    except ValueError as error:
        raise Reject(OPTIONS_CLASH, f"The options contradict each other: {error}") from None


def _begin_run(
    session: Session, video: Video, request: _Request, options: Options, context: Context
) -> Run:
    generator = generator_of(session, context.settings, options, request.pipeline_type)
    config = ensure_config(session, options, generator)
    identifier = pipeline_identifier(
        video.identifier,
        {
            "type": request.pipeline_type,
            "config": config.config_hash,
            "padding": [
                options.padding_left_seconds,
                options.padding_right_seconds,
                *([] if options.padding_over_words else ["within silence"]),
            ],
            "request": request.request_id,
        },
    )
    return open_video_run(
        session,
        identifier=identifier,
        video_id=video.id,
        generation_config_id=config.id,
        pipeline_type=request.pipeline_type,
        clock=context.clock,
    )
