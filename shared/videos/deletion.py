"""Deletes a video: first records the deletion, then deletes the rows, then the objects.

A deletion locks in this order, like every other transaction:

1. the video's identifier (an advisory lock, which the admission of a run takes first too),
2. its runs and their rows in pipeline_history, by ascending id (a finishing stage does so too),
3. its stage runs, the video and its results, by cascade.

If a deletion took 3 before 2, a finishing stage that holds its run and wants the video's row
would wait for the deletion, which waits for that run.

A stage at work finds that its run is gone when it finishes (`LeaseLost`), and deletes what it
stored; objects of a killed worker are garbage (see `garbage`). If a deletion is interrupted at any
point, the next sweep or the next request continues it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Clip, Deletion, PipelineHistory, Thumbnail, Video
from shared.domain.names import derived_folders
from shared.error_codes.commands import DELETION_UNFINISHED
from shared.errors import Reject
from shared.pipeline.context import Context
from shared.videos.deletion_rows import (
    DeletionUnderWay,
    deletion_lock,
    find_deletion,
    hold_identifier,
    unfinished_deletions,
)
from shared.videos.garbage import own_objects
from shared.videos.lookup import unknown_video
from shared.videos.subtitle_files import delete_upload

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeletionReport:
    """The result of one call. `source`: whether the uploaded object was deleted.

    `subtitles`: how many of its subtitles were deleted. `resumed`: the call continued an earlier
    deletion.
    """

    video: str
    pipelines: int
    objects: int
    source: bool
    resumed: bool
    subtitles: int = 0


def delete_video(context: Context, video: str, *, with_source: bool = False) -> DeletionReport:
    """Delete everything about the video; the upload and its subtitles only `with_source`.

    Idempotent: another call continues an interrupted deletion. Raises `Reject` for a video that
    never existed, and `DeletionUnderWay`.
    """
    with deletion_lock(context.engine, video):
        resumed = _begin(context, video, with_source=with_source)
        return _carry_out(context, video, resumed=resumed)


def _carry_out(context: Context, video: str, *, resumed: bool) -> DeletionReport:
    """Carry out the recorded deletion. The caller must hold the deletion lock."""
    pipelines, urls = delete_rows(context, video)
    objects = sum(context.storage.delete(url) for url in objects_of_video(context, video, urls))
    source, subtitles = delete_source(context, video)
    end_deletion(context, video)
    deleted = DeletionReport(video, pipelines, objects, source, resumed, subtitles)
    _log.info("deleted", video=video, pipelines=pipelines, objects=objects, source=source)
    return deleted


def resume_deletions(context: Context) -> list[str]:
    """Continue every interrupted deletion. Returns the videos that are deleted now.

    Skips a deletion that another process carries out. Logs one that fails, e.g. because this
    account may not delete the upload, and leaves it to the next call.
    """
    with context.session() as session:
        videos = [deletion.video for deletion in unfinished_deletions(session)]
    gone = []
    for video in videos:
        try:
            if _resume(context, video):
                gone.append(video)
        except DeletionUnderWay:
            continue
        except Exception as error:
            _log.warning("deletion not finished", video=video, error=str(error))
    return gone


def _resume(context: Context, video: str) -> bool:
    """Continue the deletion. False if another process has finished or forgotten it since."""
    with deletion_lock(context.engine, video):
        with context.session() as session:
            deletion = find_deletion(session, video)
        if deletion is None or deletion.completed_at is not None:
            return False
        _carry_out(context, video, resumed=True)
    return True


def _begin(context: Context, video: str, *, with_source: bool) -> bool:
    """Record the deletion. True if it was recorded before."""
    with context.session() as session, session.begin():
        hold_identifier(session, video)
        before = find_deletion(session, video)
        url = before.source_url if before is not None else _source_url(session, video)
        values = insert(Deletion).values(video=video, source_url=url, with_source=with_source)
        session.execute(
            values.on_conflict_do_update(
                index_elements=[Deletion.video],
                set_={
                    "with_source": Deletion.with_source | values.excluded.with_source,
                    "completed_at": None,
                },
            )
        )
        return before is not None


def _source_url(session: Session, video: str) -> str:
    url = session.execute(
        select(Video.cloud_url).where(Video.identifier == video)
    ).scalar_one_or_none()
    if url is None:
        raise unknown_video(session, video)
    return url


def delete_rows(context: Context, video: str) -> tuple[int, list[str]]:
    """Delete the rows and record the objects that they named, in one transaction."""
    with context.session() as session, session.begin():
        hold_identifier(session, video)
        deletion = session.get_one(Deletion, video)
        video_id = session.execute(
            select(Video.id).where(Video.identifier == video)
        ).scalar_one_or_none()
        if video_id is None:
            return 0, deletion.objects
        pipelines = session.execute(
            select(PipelineHistory.id)
            .where(PipelineHistory.video_id == video_id)
            .order_by(PipelineHistory.id)
            .with_for_update()
        ).all()
        deletion.objects = sorted({*deletion.objects, *_named_objects(session, video_id)})
        session.flush()
        session.execute(delete(Video).where(Video.id == video_id))
        return len(pipelines), deletion.objects


def _named_objects(session: Session, video_id: int) -> Iterator[str]:
    clips = select(Clip.id).where(Clip.video_id == video_id)
    yield from session.execute(select(Clip.cloud_url).where(Clip.video_id == video_id)).scalars()
    yield from session.execute(
        select(Thumbnail.cloud_url).where(
            (Thumbnail.video_id == video_id) | Thumbnail.clip_id.in_(clips)
        )
    ).scalars()


def objects_of_video(context: Context, video: str, named: list[str]) -> Iterator[str]:
    """The objects that the rows named, in any bucket, and the video's other derived objects."""
    yield from named
    yield from [stat.url for stat, _ in own_objects(context, derived_folders(video))]


def delete_source(context: Context, video: str) -> tuple[bool, int]:
    """Delete the upload if requested. Returns (deleted, number of subtitles)."""
    with context.session() as session:
        deletion = session.get_one(Deletion, video)
    if not deletion.with_source:
        return False, 0
    return delete_upload(context.storage, deletion.source_url, video)


def end_deletion(context: Context, video: str) -> None:
    """Record the deletion as completed."""
    with context.session() as session, session.begin():
        session.execute(
            update(Deletion)
            .where(Deletion.video == video)
            .values(completed_at=context.clock.now(), objects=[])
        )


def forget_deletion(context: Context, video: str) -> bool:
    """Remove the record of the deletion, so that the video can be processed again.

    False if there is none. Raises `Reject` while the deletion is not finished.
    """
    with context.session() as session, session.begin():
        hold_identifier(session, video)
        deletion = find_deletion(session, video)
        if deletion is None:
            return False
        if deletion.completed_at is None:
            raise Reject(
                DELETION_UNFINISHED,
                f"The deletion of {video} is not finished. Run: videomoments delete {video}",
            )
        session.delete(deletion)
        return True
