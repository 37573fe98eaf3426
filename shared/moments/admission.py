"""Where a pipeline begins: the source is registered, the run is asked for, its first stage queued.

Everything here is idempotent by derived identifiers: an event delivered twice, or two events for
one object, are one video and one run.
"""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import PipelineHistory, Video
from shared.domain.names import pipeline_identifier, video_identifier
from shared.errors import ObjectMissing, Reject, SourceGone, SourceSuperseded
from shared.messages.base import Message
from shared.messages.options import Options
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.moments.generation_config import ensure_config, generator_of
from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import Ignored, queue
from shared.pipeline.stage import Stage
from shared.videos.lookup import deleted_video, unknown_video
from shared.videos.registration import identifier_of, name_stem, not_a_source, register_video
from shared.videos.tombstones import hold_identifier, tombstone


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


def _is_late(context: Context, message: VideoUploaded | PipelineRequested, url: str) -> bool:
    """Whether it is an event about an object that was deleted on purpose."""
    if not isinstance(message, VideoUploaded) or message.generation is None:
        return False
    with context.session() as session:
        video = video_identifier(url, message.generation, name_stem(url))
        return tombstone(session, video) is not None


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
