"""The moments of a video, with the prompts and the settings that found them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    FetchedValue,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    false,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.tables.base import Base, time_of_creation


class Prompt(Base):
    """A prompt of the generator, stored once per text."""

    __tablename__ = "prompts"
    __table_args__ = (UniqueConstraint("prompt_hash", name="idx_prompts_hash"),)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_prompt: Mapped[str]
    system_prompt: Mapped[str]
    prompt_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = time_of_creation()


class GenerationConfig(Base):
    """The generator's settings, shared by all videos that used them.

    A shared config leaves `transcript_id` NULL: otherwise deleting that one transcript would delete
    the config and with it every other video's moments (docs/decisions/0001).
    """

    __tablename__ = "generation_configs"
    __table_args__ = (
        UniqueConstraint("config_hash", name="idx_generation_configs_hash"),
        Index("idx_generation_configs_prompt_id", "prompt_id"),
        Index("idx_generation_configs_transcript_id", "transcript_id"),
        Index("idx_generation_configs_model", "model"),
        Index("idx_generation_configs_operation", "operation_type"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id", ondelete="CASCADE"))
    transcript_id: Mapped[int | None] = mapped_column(
        ForeignKey("transcripts.id", ondelete="CASCADE")
    )
    model: Mapped[str] = mapped_column(String(100))
    operation_type: Mapped[str] = mapped_column(String(50))
    temperature: Mapped[float | None]
    top_p: Mapped[float | None]
    top_k: Mapped[int | None]
    min_moment_length: Mapped[float | None]
    max_moment_length: Mapped[float | None]
    min_moments: Mapped[int | None]
    max_moments: Mapped[int | None]
    config_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = time_of_creation()


class Moment(Base):
    """A part of a video worth watching; times are seconds from the video's start.

    A refined moment has a parent when it is inserted (trigger `moments_refined_has_parent`); if the
    parent is deleted, the moment stays without one. The trigger `moments_updated_at` maintains
    `updated_at`.
    """

    __tablename__ = "moments"
    __table_args__ = (
        UniqueConstraint("identifier", name="idx_moments_identifier"),
        CheckConstraint("end_time > start_time", name="end_after_start"),
        CheckConstraint("score >= 0 AND score <= 10", name="score_range"),
        Index("idx_moments_video_id", "video_id"),
        Index("idx_moments_is_refined", "is_refined"),
        Index("idx_moments_parent_id", "parent_id"),
        Index("idx_moments_score", "score", postgresql_where=text("score IS NOT NULL")),
        Index("idx_moments_timestamps", "start_time", "end_time"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    identifier: Mapped[str] = mapped_column(String(20))
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    start_time: Mapped[float]
    end_time: Mapped[float]
    title: Mapped[str] = mapped_column(String(500))
    is_refined: Mapped[bool] = mapped_column(server_default=false(), nullable=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("moments.id", ondelete="SET NULL"))
    generation_model: Mapped[str | None] = mapped_column(String(100))
    generation_config_id: Mapped[int | None] = mapped_column(
        ForeignKey("generation_configs.id", ondelete="CASCADE")
    )
    score: Mapped[int | None]
    scoring_model: Mapped[str | None] = mapped_column(String(100))
    scored_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = time_of_creation()
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True),
        server_default=func.now(),
        server_onupdate=FetchedValue(),
        nullable=True,
    )
