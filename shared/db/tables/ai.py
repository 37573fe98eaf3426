"""Language models: their configurations, their calls, and their proposals."""

from __future__ import annotations

from datetime import datetime
from typing import Any

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

from shared.db.tables.base import Base


class ModelConfig(Base):
    """A named model: endpoint and parameters. NULL means the deployment's setting.

    `api_key_name` names the secret, which the row does not hold: for the name `MINE`, the variable
    VIDEOMOMENTS_LLM_API_KEY_MINE holds the key. Prices are per million tokens.
    """

    __tablename__ = "model_configs"
    __table_args__ = (
        UniqueConstraint("name"),
        CheckConstraint("provider IN ('openai', 'vertex')", name="provider"),
        CheckConstraint("output IN ('schema', 'json', 'text')", name="output"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    provider: Mapped[str] = mapped_column(String(20), server_default="openai")
    model: Mapped[str] = mapped_column(String(200))
    url: Mapped[str | None]
    api_key_name: Mapped[str | None] = mapped_column(String(50))
    location: Mapped[str | None] = mapped_column(String(50))
    output: Mapped[str | None] = mapped_column(String(20))
    temperature: Mapped[float | None]
    top_p: Mapped[float | None]
    top_k: Mapped[int | None]
    context_tokens: Mapped[int | None]
    answer_tokens: Mapped[int | None]
    timeout_seconds: Mapped[float | None]
    input_price: Mapped[float | None]
    output_price: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(
        DateTime(timezone=True), server_default=func.now(), server_onupdate=FetchedValue()
    )


class AiRequest(Base):
    """One call of a model, kept for some days. Reserved before the call, settled afterwards.

    While `outcome` is `reserved`, the tokens and the cost are estimates, so that a budget holds for
    calls in progress. `request_hash` is the hash of everything that determines the answer.

    `pipeline_id` serves only the last release; the trigger `ai_requests_run` fills it.
    """

    __tablename__ = "ai_requests"
    __table_args__ = (
        CheckConstraint("outcome IN ('reserved', 'answered', 'refused', 'failed')", name="outcome"),
        Index("idx_ai_requests_run_hash", "run_id", "request_hash"),
        Index("idx_ai_requests_pipeline_hash", "pipeline_id", "request_hash"),
        Index("idx_ai_requests_created_at", "created_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    pipeline_id: Mapped[int | None]
    stage: Mapped[str] = mapped_column(String(50))
    subject: Mapped[str]
    operation: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(100))
    request: Mapped[dict[str, Any]]
    request_hash: Mapped[str] = mapped_column(String(64))
    response: Mapped[str | None]
    outcome: Mapped[str] = mapped_column(String(20))
    parse_result: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    error_message: Mapped[str | None]
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cost: Mapped[float | None]
    duration_seconds: Mapped[float | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    run_id: Mapped[int | None] = mapped_column(
        BigInteger, ForeignKey("runs.id", ondelete="CASCADE")
    )


class MomentCandidate(Base):
    """A proposal of a model, and its outcome.

    `asked` describes the question (`first`..`last` sentence, and more by operation); with
    `prompt_id` it reproduces the whole prompt. `moment_id` is the moment made from the proposal.
    """

    __tablename__ = "moment_candidates"
    __table_args__ = (
        CheckConstraint(
            "status IN ('proposed', 'chosen', 'merged', 'not_chosen', 'rejected')", name="status"
        ),
        CheckConstraint(
            "(status = 'rejected') = (rejection_code IS NOT NULL)", name="rejected_has_code"
        ),
        Index("idx_moment_candidates_pipeline_id", "pipeline_id"),
        Index("idx_moment_candidates_video_id", "video_id"),
        Index("idx_moment_candidates_moment_id", "moment_id"),
        Index("idx_moment_candidates_prompt_id", "prompt_id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    pipeline_id: Mapped[int] = mapped_column(
        Integer, ForeignKey("pipeline_history.id", ondelete="CASCADE")
    )
    video_id: Mapped[int] = mapped_column(ForeignKey("videos.id", ondelete="CASCADE"))
    prompt_id: Mapped[int] = mapped_column(ForeignKey("prompts.id", ondelete="CASCADE"))
    moment_id: Mapped[int | None] = mapped_column(ForeignKey("moments.id", ondelete="SET NULL"))
    operation: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(100))
    asked: Mapped[dict[str, Any]]
    proposal: Mapped[dict[str, Any]]
    repaired: Mapped[bool] = mapped_column(server_default=text("false"))
    start_time: Mapped[float | None]
    end_time: Mapped[float | None]
    status: Mapped[str] = mapped_column(String(20))
    rejection_code: Mapped[str | None] = mapped_column(String(50))
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
