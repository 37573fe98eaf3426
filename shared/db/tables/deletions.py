"""The deletions of videos and their progress."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.tables.base import Base


class Deletion(Base):
    """The deletion of a video: written before its rows and objects go, kept afterwards.

    While the row exists, a late event does not bring the video back. `objects` are the URLs that
    the video's rows named, kept because the rows are deleted first. `completed_at` is NULL while
    something may be left.
    """

    __tablename__ = "deletions"

    video: Mapped[str] = mapped_column(String(255), primary_key=True)
    source_url: Mapped[str]
    with_source: Mapped[bool]
    objects: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"))
    requested_at: Mapped[datetime] = mapped_column(server_default=func.now())
    completed_at: Mapped[datetime | None]
