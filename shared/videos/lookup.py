"""Finds videos by the identifiers that people type."""

from __future__ import annotations

from pathlib import PurePosixPath

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from shared.db.models import Video
from shared.domain.names import slug
from shared.error_codes.runs import UNKNOWN_VIDEO, VIDEO_DELETED
from shared.errors import Reject
from shared.videos.deletion_rows import find_deletion

_MAX_SUGGESTIONS = 3


def unknown_video(session: Session, asked: str) -> Reject:
    """The error for an unknown identifier; it names similar ones."""
    if find_deletion(session, asked) is not None:
        return deleted_video(asked)
    near = " or ".join(_similar(session, asked))
    if near:
        return Reject(UNKNOWN_VIDEO, f"There is no video {asked!r}. Did you mean {near}?")
    return Reject(
        UNKNOWN_VIDEO,
        f"There is no video {asked!r}. `videomoments status` lists all videos.",
    )


def deleted_video(video: str) -> Reject:
    """The error for a deleted video."""
    return Reject(VIDEO_DELETED, f"The video {video} was deleted. Upload its file again.")


def _similar(session: Session, asked: str) -> list[str]:
    """Identifiers with the same file name, or with this beginning: the newest first."""
    stem = slug(PurePosixPath(asked).stem)
    alike = or_(
        Video.identifier.startswith(f"{stem}-", autoescape=True),
        Video.identifier.startswith(slug(asked), autoescape=True),
    )
    query = select(Video.identifier).where(alike).order_by(Video.id.desc())
    return list(session.execute(query.limit(_MAX_SUGGESTIONS)).scalars())
