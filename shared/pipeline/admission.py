"""Where a pipeline begins: the source is registered, the run is asked for, its first stage queued.

Everything here is idempotent by derived identifiers: an event delivered twice, or two events for
one object, are one video and one run.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.configs import ensure_config
from shared.db.deletions import hold_identifier, tombstone
from shared.db.models import PipelineHistory, Video
from shared.db.videos import deleted_video, unknown_video
from shared.domain.names import pipeline_identifier, video_identifier
from shared.errors import ObjectMissing, Reject, SourceGone, SourceSuperseded
from shared.messages import Message, Options, PipelineRequested, VideoUploaded
from shared.pipeline.claims import Ignored, queue
from shared.pipeline.context import Context
from shared.pipeline.endpoints import generator_of
from shared.pipeline.stage import Stage
from shared.storage.protocol import ObjectStat
from shared.storage.urls import split_url

COMPANIONS = frozenset({".srt", ".vtt", ".json", ".txt", ".md", ".part", ".tmp", ".crdownload"})


def admit(context: Context, stage: Stage, message: Message) -> Message | Ignored:
    """The message with its pipeline named, which exists and has this stage queued.

    Raises `Reject` when there is no such source or what is asked for clashes.
    """
    if not isinstance(message, VideoUploaded | PipelineRequested):
        raise TypeError(f"{type(message).__name__} begins no pipeline")
    if message.pipeline is not None:
        return message
    url = _source_url(context, message)
    if reason := not_a_source(url):
        return Ignored(reason)
    try:
        stat = context.storage.stat(url)
    except ObjectMissing:
        if _is_late(context, message, url):
            return Ignored("the video was deleted")
        raise SourceGone(url) from None
    if stat.size_bytes == 0:
        return Ignored("the file is empty")
    options = _resolved(context, message.options)
    with context.session() as session, session.begin():
        # Before any row of the video: its deletion locks in the same order.
        hold_identifier(session, identifier_of(stat))
        if tombstone(session, identifier_of(stat)) is not None:
            return _deleted(message, identifier_of(stat))
        video = register_video(session, stat)
        _same_video(message, video, url)
        pipeline = _begin_pipeline(session, video, message, options, context)
        admitted = message.model_copy(update={"pipeline": pipeline.identifier, "options": options})
        if pipeline.status == "running":
            queue(session, pipeline.id, stage, admitted, parent_id=None, clock=context.clock)
    return admitted


def not_a_source(url: str) -> str | None:
    """Why an object of that name is no video dropped by somebody, or None if it may be one."""
    name = PurePosixPath(split_url(url).name)
    if url.endswith("/"):
        return "a folder's placeholder"
    if name.name.startswith("."):
        return "a hidden file"
    if name.suffix.lower() in COMPANIONS:
        return f"a {name.suffix.lower()} file accompanies a video and is none"
    return None


def identifier_of(stat: ObjectStat) -> str:
    """The identifier of the video that this version of the object is."""
    return video_identifier(stat.url, stat.generation, _stem(stat.url))


def register_video(session: Session, stat: ObjectStat) -> Video:
    """The row of that version of the object, made if it is new."""
    identifier = identifier_of(stat)
    session.execute(
        insert(Video)
        .values(
            identifier=identifier,
            cloud_url=stat.url,
            title=_title(stat.url),
            file_size_kb=max(1, round(stat.size_bytes / 1024)),
        )
        .on_conflict_do_nothing()
    )
    return session.execute(select(Video).where(Video.identifier == identifier)).scalar_one()


def _stem(url: str) -> str:
    return PurePosixPath(split_url(url).name).stem


def _title(url: str) -> str:
    """The name without its suffix; what is no text in it (on a disk any bytes are a name) is �."""
    return _stem(url).encode("utf-8", "surrogateescape").decode("utf-8", "replace")[:500]


def _is_late(context: Context, message: VideoUploaded | PipelineRequested, url: str) -> bool:
    """Whether it is an event about an object that was deleted on purpose."""
    if not isinstance(message, VideoUploaded) or message.generation is None:
        return False
    with context.session() as session:
        return tombstone(session, video_identifier(url, message.generation, _stem(url))) is not None


def _deleted(message: VideoUploaded | PipelineRequested, video: str) -> Ignored:
    """An event may be delivered long after; only a person can have meant it."""
    if isinstance(message, VideoUploaded):
        return Ignored("the video was deleted")
    raise deleted_video(video)


def _source_url(context: Context, message: VideoUploaded | PipelineRequested) -> str:
    if isinstance(message, VideoUploaded) or message.source_url is not None:
        return message.source_url or ""
    with context.session() as session:
        url = session.execute(
            select(Video.cloud_url).where(Video.identifier == message.video)
        ).scalar_one_or_none()
        if url is None:
            raise unknown_video(session, message.video or "")
        return url


def _same_video(message: Message, video: Video, url: str) -> None:
    wanted = message.video if isinstance(message, PipelineRequested) else None
    if wanted is not None and wanted != video.identifier:
        raise SourceSuperseded(url)


def _resolved(context: Context, options: Options) -> Options:
    try:
        return context.settings.resolve(options)
    except ValueError as error:
        raise Reject("options_clash", f"The options do not fit together: {error}") from None


def _begin_pipeline(
    session: Session,
    video: Video,
    message: VideoUploaded | PipelineRequested,
    options: Options,
    context: Context,
) -> PipelineHistory:
    pipeline_type = "full" if isinstance(message, VideoUploaded) else message.pipeline_type
    generator = generator_of(session, context.settings, options, pipeline_type)
    config = ensure_config(session, options, generator)
    request_id = None if isinstance(message, VideoUploaded) else message.request_id
    identifier = pipeline_identifier(
        video.identifier,
        {
            "type": pipeline_type,
            "config": config.config_hash,
            "padding": [
                options.padding_left_seconds,
                options.padding_right_seconds,
                *([] if options.padding_over_words else ["within silence"]),
            ],
            "request": request_id,
        },
    )
    session.execute(
        insert(PipelineHistory)
        .values(
            identifier=identifier,
            video_id=video.id,
            generation_config_id=config.id,
            pipeline_type=pipeline_type,
            status="running",
            started_at=context.clock.now(),
        )
        .on_conflict_do_nothing()
    )
    return session.execute(
        select(PipelineHistory).where(PipelineHistory.identifier == identifier).with_for_update()
    ).scalar_one()
