"""The runs, the ledger of their stages, and the history of pipelines over videos."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    FetchedValue,
    ForeignKey,
    Identity,
    Index,
    Integer,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from shared.db.tables.base import Base, time_of_creation


class PipelineHistory(Base):
    """A run over one video with one config, as the product's owner reads it.

    The trigger `history_of_runs` copies the status, the end and the error of its run. The stages
    write the totals.
    """

    __tablename__ = "pipeline_history"
    __table_args__ = (
        UniqueConstraint("identifier", name="idx_pipeline_history_identifier"),
        Index("idx_pipeline_history_video_id", "video_id"),
        Index("idx_pipeline_history_config_id", "generation_config_id"),
        Index("idx_pipeline_history_status", "status"),
        Index("idx_pipeline_history_started_at", "started_at"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    identifier: Mapped[str] = mapped_column(String(100))
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    generation_config_id: Mapped[int] = mapped_column(
        ForeignKey("generation_configs.id", ondelete="CASCADE")
    )
    pipeline_type: Mapped[str] = mapped_column(String(50))
    status: Mapped[str] = mapped_column(String(20))
    started_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    duration_seconds: Mapped[float | None]
    total_moments_generated: Mapped[int | None]
    total_clips_created: Mapped[int | None]
    error_stage: Mapped[str | None] = mapped_column(String(50))
    error_message: Mapped[str | None]
    created_at: Mapped[datetime] = time_of_creation()


class Run(Base):
    """One pass of a pipeline over something. The ledger locks this row to end it exactly once.

    `kind` names the pipeline. A run over a video has a row in pipeline_history, which the trigger
    `history_of_runs` keeps in step; a run of another kind has none. The function `lock_run` locks
    the run, and that row with it.
    """

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("identifier"),
        UniqueConstraint("pipeline_history_id"),
        Index(
            "idx_runs_unfinished",
            "kind",
            "started_at",
            postgresql_where=text("status = 'running'"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    identifier: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(50))
    status: Mapped[str] = mapped_column(String(20))
    pipeline_history_id: Mapped[int | None] = mapped_column(
        Integer, ForeignKey("pipeline_history.id", ondelete="CASCADE")
    )
    started_at: Mapped[datetime]
    completed_at: Mapped[datetime | None]
    error_stage: Mapped[str | None] = mapped_column(String(50))
    error_message: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class StageRun(Base):
    """One unit of work: inbox, outbox, lease and log of one stage about one subject.

    `run_id` is NULL for a failure before any run began. `parent_id` is the stage run that emitted
    it. `available_at`: when its next attempt is due. `result`: the data that its siblings need at
    the fan-in. `traceparent`: the span it continues and, once it has ended, its own span. The
    trigger `stage_runs_updated_at` maintains `updated_at`.

    `pipeline_id` serves only the last release; the trigger `stage_runs_run` fills it.
    """

    __tablename__ = "stage_runs"
    __table_args__ = (
        UniqueConstraint(
            "run_id",
            "stage",
            "subject",
            name="uq_stage_runs_run_stage_subject",
            postgresql_nulls_not_distinct=True,
        ),
        UniqueConstraint(
            "pipeline_id",
            "stage",
            "subject",
            name="uq_stage_runs_pipeline_stage_subject",
            postgresql_nulls_not_distinct=True,
        ),
        CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'failed', 'skipped')", name="status"
        ),
        CheckConstraint("(status = 'running') = (lease_token IS NOT NULL)", name="lease"),
        CheckConstraint("(run_id IS NULL) = (pipeline_id IS NULL)", name="run"),
        Index("idx_stage_runs_due", "available_at", postgresql_where=text("status = 'queued'")),
        Index(
            "idx_stage_runs_lease", "lease_expires_at", postgresql_where=text("status = 'running'")
        ),
        Index("idx_stage_runs_run_status", "run_id", "status"),
        Index("idx_stage_runs_parent_id", "parent_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    pipeline_id: Mapped[int | None]
    stage: Mapped[str] = mapped_column(String(50))
    subject: Mapped[str]
    topic: Mapped[str] = mapped_column(String(100))
    message: Mapped[dict[str, Any]]
    parent_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("stage_runs.id", ondelete="SET NULL")
    )
    status: Mapped[str] = mapped_column(String(20))
    attempt: Mapped[int] = mapped_column(server_default=text("0"))
    lease_token: Mapped[UUID | None]
    lease_owner: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    available_at: Mapped[datetime] = mapped_column(server_default=func.now())
    queued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    error_code: Mapped[str | None] = mapped_column(String(50))
    error_message: Mapped[str | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    metrics: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), server_onupdate=FetchedValue()
    )
    traceparent: Mapped[str | None] = mapped_column(String(55))
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="CASCADE")
    )
