"""The uploaded videos and their transcripts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.tables.base import Base, time_of_creation


class Video(Base):
    """One uploaded video, sound alone included."""

    __tablename__ = "videos"
    __table_args__ = (
        UniqueConstraint("identifier", name="idx_videos_identifier"),
        Index("idx_videos_source_url", "source_url"),
        Index("idx_videos_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    identifier: Mapped[str] = mapped_column(String(255))
    source_url: Mapped[str | None]
    cloud_url: Mapped[str]
    title: Mapped[str | None] = mapped_column(String(500))
    duration_seconds: Mapped[float | None]
    file_size_kb: Mapped[int | None] = mapped_column(BigInteger)
    video_codec: Mapped[str | None] = mapped_column(String(50))
    audio_codec: Mapped[str | None] = mapped_column(String(50))
    resolution: Mapped[str | None] = mapped_column(String(20))
    frame_rate: Mapped[float | None]
    created_at: Mapped[datetime] = time_of_creation()


class Transcript(Base):
    """The transcript of a video; written once. Both arrays empty means: no speech."""

    __tablename__ = "transcripts"
    __table_args__ = (
        UniqueConstraint("video_id"),
        Index("idx_transcripts_video_id", "video_id"),
        Index(
            "idx_transcripts_full_text",
            text("to_tsvector('english', full_text)"),
            postgresql_using="gin",
        ),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    full_text: Mapped[str]
    word_timestamps: Mapped[list[dict[str, Any]]]
    segment_timestamps: Mapped[list[dict[str, Any]]]
    language: Mapped[str] = mapped_column(String(10), server_default="en", nullable=True)
    number_of_words: Mapped[int | None]
    number_of_segments: Mapped[int | None]
    transcription_service: Mapped[str | None] = mapped_column(String(50))
    processing_time_seconds: Mapped[float | None]
    created_at: Mapped[datetime] = time_of_creation()
