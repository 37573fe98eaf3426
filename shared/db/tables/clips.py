"""A video's output files. A row exists only once its file does."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.tables.base import Base, time_of_creation


class Clip(Base):
    """The file of one root moment; the paddings are the actual ones, in seconds."""

    __tablename__ = "clips"
    __table_args__ = (
        UniqueConstraint("moment_id", name="idx_clips_moment_id"),
        CheckConstraint("end_time > start_time", name="end_after_start"),
        Index("idx_clips_video_id", "video_id"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    moment_id: Mapped[int] = mapped_column(ForeignKey("moments.id", ondelete="CASCADE"))
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    cloud_url: Mapped[str]
    start_time: Mapped[float]
    end_time: Mapped[float]
    padding_left: Mapped[float]
    padding_right: Mapped[float]
    file_size_kb: Mapped[int | None] = mapped_column(BigInteger)
    format: Mapped[str | None] = mapped_column(String(20))
    video_codec: Mapped[str | None] = mapped_column(String(50))
    audio_codec: Mapped[str | None] = mapped_column(String(50))
    resolution: Mapped[str | None] = mapped_column(String(20))
    created_at: Mapped[datetime] = time_of_creation()


class Thumbnail(Base):
    """One picture of a video or of a clip: at most one each."""

    __tablename__ = "thumbnails"
    __table_args__ = (
        Index("idx_thumbnails_video_id", "video_id"),
        Index("idx_thumbnails_clip_id", "clip_id"),
        Index(
            "idx_thumbnails_video_id_unique",
            "video_id",
            unique=True,
            postgresql_where=text("video_id IS NOT NULL"),
        ),
        Index(
            "idx_thumbnails_clip_id_unique",
            "clip_id",
            unique=True,
            postgresql_where=text("clip_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    video_id: Mapped[int | None] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    clip_id: Mapped[int | None] = mapped_column(ForeignKey("clips.id", ondelete="CASCADE"))
    cloud_url: Mapped[str]
    file_size_kb: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = time_of_creation()
