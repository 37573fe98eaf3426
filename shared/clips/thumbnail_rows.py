"""The rows of thumbnails: at most one for each video and one for each clip."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Clip, Thumbnail, Video
from shared.storage.protocol import ObjectStat


@dataclass(frozen=True, slots=True)
class ThumbnailOwner:
    """The video or the clip that a thumbnail shows; `url` is the object it is made from."""

    column: Literal["video_id", "clip_id"]
    id: int
    url: str


def find_thumbnail(session: Session, owner: ThumbnailOwner) -> str | None:
    """The URL of the owner's thumbnail, if there is one."""
    return session.execute(
        select(Thumbnail.cloud_url).where(getattr(Thumbnail, owner.column) == owner.id)
    ).scalar_one_or_none()


def lock_owner(session: Session, owner: ThumbnailOwner) -> bool:
    """Whether the owner's row still names the object that the thumbnail was made from.

    Locks the row, so that no other run makes a thumbnail of it before the transaction ends.
    """
    table = Video if owner.column == "video_id" else Clip
    url = session.execute(
        select(table.cloud_url).where(table.id == owner.id).with_for_update(key_share=True)
    ).scalar_one_or_none()
    return url == owner.url


def replace_thumbnail(session: Session, owner: ThumbnailOwner, stat: ObjectStat) -> str | None:
    """Store the owner's thumbnail. Returns the URL of the one it replaces, if any."""
    before = find_thumbnail(session, owner)
    values = {"cloud_url": stat.url, "file_size_kb": max(1, round(stat.size_bytes / 1024))}
    session.execute(
        insert(Thumbnail)
        .values({owner.column: owner.id, **values})
        .on_conflict_do_update(
            index_elements=[owner.column],
            index_where=getattr(Thumbnail, owner.column).is_not(None),
            set_=values,
        )
    )
    return before
