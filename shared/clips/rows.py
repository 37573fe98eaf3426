"""The rows of clips: found, and replaced when a moment is cut again."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Clip, Moment
from shared.error_codes.runs import UNKNOWN_CLIP
from shared.errors import NotThere
from shared.media.cut import CutResult
from shared.storage.protocol import ObjectStat


def find_clip(session: Session, moment: Moment) -> Clip | None:
    """The moment's clip, if it has one."""
    return session.execute(select(Clip).where(Clip.moment_id == moment.id)).scalar_one_or_none()


def clip_of(session: Session, moment: str) -> Clip:
    """The clip of the moment of that name. Raises `NotThere` if it was deleted."""
    found = session.execute(
        select(Clip).join(Moment).where(Moment.identifier == moment)
    ).scalar_one_or_none()
    if found is None:
        raise NotThere(UNKNOWN_CLIP, f"The clip of moment {moment} was deleted.")
    return found


def replace_clip(
    session: Session, moment: Moment, result: CutResult, stat: ObjectStat
) -> str | None:
    """Store the moment's clip. Returns the URL of the clip it replaces, if any.

    Locks the moment, so that no other run of the video cuts it before the transaction ends.
    """
    session.execute(select(Moment.id).where(Moment.id == moment.id).with_for_update(key_share=True))
    # Read under the lock: another run may have cut the moment since this stage began.
    clip = find_clip(session, moment)
    before = clip.cloud_url if clip is not None else None
    values = {
        "cloud_url": stat.url,
        "start_time": result.start_seconds,
        "end_time": result.end_seconds,
        "padding_left": max(0.0, moment.start_time - result.start_seconds),
        "padding_right": max(0.0, result.end_seconds - moment.end_time),
        "file_size_kb": max(1, round(stat.size_bytes / 1024)),
        "format": result.format,
        "video_codec": result.video_codec,
        "audio_codec": result.audio_codec,
        "resolution": result.resolution,
    }
    session.execute(
        insert(Clip)
        .values(moment_id=moment.id, video_id=moment.video_id, **values)
        .on_conflict_do_update(index_elements=["moment_id"], set_=values)
    )
    return before


def moments_without_clip(session: Session, video_id: int) -> list[str] | None:
    """The names of the video's unrefined moments without a clip, in order of time.

    None when the video has no moments at all.
    """
    if not session.execute(select(exists().where(Moment.video_id == video_id))).scalar_one():
        return None
    waiting = session.execute(
        select(Moment.identifier)
        .where(
            Moment.video_id == video_id,
            Moment.parent_id.is_(None),
            Moment.is_refined.is_not(True),
            ~exists().where(Clip.moment_id == Moment.id),
        )
        .order_by(Moment.start_time)
    )
    return list(waiting.scalars())
