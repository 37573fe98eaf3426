"""What was deleted, and how far that is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.tables.base import Base


class Deletion(Base):
    """A video's tombstone: written before anything of it is deleted, kept afterwards.

    While it is there, an event that is delivered late does not bring the video back. `objects`
    are the URLs its rows named, kept because the rows go first. `completed_at` is NULL while
    something may be left.
    """

    __tablename__ = "deletions"

    video: Mapped[str] = mapped_column(String(255), primary_key=True)
    source_url: Mapped[str]
    with_source: Mapped[bool]
    objects: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"))
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None]
