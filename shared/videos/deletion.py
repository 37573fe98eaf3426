"""Deletes a video: first its tombstone is written, then its rows go, then its objects.

A deletion has to lock in this order, which is that of all others:

1. the video's identifier (an advisory lock, which the admission of a run takes first too),
2. its pipelines, by ascending id (a stage that finishes locks its pipeline first),
3. its stage runs, the video and its results, by cascade.

In the order 3 before 2 a finishing stage, which holds its pipeline and wants the video's row,
would wait for a deletion that waits for that pipeline.

Whatever was at work finds its pipeline gone when it wants to finish (`LeaseLost`), and takes back
what it stored; what a killed worker has stored is garbage (`collecting`). Killed at any point, a
deletion goes on with the next sweep, or when it is asked for again.
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
from shared.videos.garbage import own_objects
from shared.videos.lookup import unknown_video
from shared.videos.subtitle_files import delete_upload
from shared.videos.tombstones import (
    DeletionUnderWay,
    hold_identifier,
    only_deletion,
    tombstone,
    unfinished,
)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Deleted:
    """What one call deleted. `source`: the uploaded object itself, `subtitles`: how many came with
    it and went. `resumed`: it went on with an earlier deletion."""

    video: str
    pipelines: int
    objects: int
    source: bool
    resumed: bool
    subtitles: int = 0


def delete_video(context: Context, video: str, *, with_source: bool = False) -> Deleted:
    """Delete all there is of it; the upload, and the subtitles beside it, only `with_source`.

    Asked for twice, or after a kill, it goes on where it stopped. Raises `Reject` for a video that
    never was, and `DeletionUnderWay`.
    """
    with only_deletion(context.engine, video):
        resumed = _begin(context, video, with_source=with_source)
        return _carry_out(context, video, resumed=resumed)


def _carry_out(context: Context, video: str, *, resumed: bool) -> Deleted:
    """Do what the tombstone says. The caller keeps other deletions of the video away."""
    pipelines, urls = _delete_rows(context, video)
    objects = sum(context.storage.delete(url) for url in _objects(context, video, urls))
    source, subtitles = _delete_source(context, video)
    _end(context, video)
    deleted = Deleted(video, pipelines, objects, source, resumed, subtitles)
    _log.info("deleted", video=video, pipelines=pipelines, objects=objects, source=source)
    return deleted


def resume_deletions(context: Context) -> list[str]:
    """Go on with every deletion that was interrupted. The videos that are gone now.

    One that another process is at is left to it. What cannot be finished, as an upload that this
    account may not delete, is logged, and left to the next time.
    """
    with context.session() as session:
        videos = [stone.video for stone in unfinished(session)]
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
    """False when it is finished by now: the video may have been asked for anew since."""
    with only_deletion(context.engine, video):
        with context.session() as session:
            stone = tombstone(session, video)
        if stone is None or stone.completed_at is not None:
            return False
        _carry_out(context, video, resumed=True)
    return True


def _begin(context: Context, video: str, *, with_source: bool) -> bool:
    """Write the tombstone. True when there was one."""
    with context.session() as session, session.begin():
        hold_identifier(session, video)
        before = tombstone(session, video)
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


def _delete_rows(context: Context, video: str) -> tuple[int, list[str]]:
    """Delete the rows, and keep with the tombstone what they named: all at once."""
    with context.session() as session, session.begin():
        hold_identifier(session, video)
        stone = session.get_one(Deletion, video)
        video_id = session.execute(
            select(Video.id).where(Video.identifier == video)
        ).scalar_one_or_none()
        if video_id is None:
            return 0, stone.objects
        pipelines = session.execute(
            select(PipelineHistory.id)
            .where(PipelineHistory.video_id == video_id)
            .order_by(PipelineHistory.id)
            .with_for_update()
        ).all()
        stone.objects = sorted({*stone.objects, *_named(session, video_id)})
        session.flush()
        session.execute(delete(Video).where(Video.id == video_id))
        return len(pipelines), stone.objects


def _named(session: Session, video_id: int) -> Iterator[str]:
    clips = select(Clip.id).where(Clip.video_id == video_id)
    yield from session.execute(select(Clip.cloud_url).where(Clip.video_id == video_id)).scalars()
    yield from session.execute(
        select(Thumbnail.cloud_url).where(
            (Thumbnail.video_id == video_id) | Thumbnail.clip_id.in_(clips)
        )
    ).scalars()


def _objects(context: Context, video: str, named: list[str]) -> Iterator[str]:
    """What the rows named, wherever that is, and what else was made of the video."""
    yield from named
    yield from [stat.url for stat, _ in own_objects(context, derived_folders(video))]


def _delete_source(context: Context, video: str) -> tuple[bool, int]:
    """Delete the upload if that was asked for. Whether it went, and how many subtitles did."""
    with context.session() as session:
        stone = session.get_one(Deletion, video)
    if not stone.with_source:
        return False, 0
    return delete_upload(context.storage, stone.source_url, video)


def _end(context: Context, video: str) -> None:
    with context.session() as session, session.begin():
        session.execute(
            update(Deletion)
            .where(Deletion.video == video)
            .values(completed_at=context.clock.now(), objects=[])
        )


def forget_deletion(context: Context, video: str) -> bool:
    """Take the tombstone away, so that somebody who asks for the video anew gets it.

    False when there is none. Raises `Reject` while the deletion is not finished.
    """
    with context.session() as session, session.begin():
        hold_identifier(session, video)
        stone = tombstone(session, video)
        if stone is None:
            return False
        if stone.completed_at is None:
            raise Reject(
                DELETION_UNFINISHED,
                f"The deletion of {video} is not finished. Run: videomoments delete {video}",
            )
        session.delete(stone)
        return True
