"""Create the models, their calls and their proposals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_model_configs()
    _create_ai_requests()
    _create_moment_candidates()
    op.execute(
        "CREATE TRIGGER model_configs_updated_at BEFORE UPDATE ON model_configs FOR EACH ROW "
        "WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION set_updated_at()"
    )


def downgrade() -> None:
    op.drop_table("moment_candidates")
    op.drop_table("ai_requests")
    op.drop_table("model_configs")


def _now(name: str) -> sa.Column[object]:
    return sa.Column(
        name, sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
    )


def _create_model_configs() -> None:
    op.create_table(
        "model_configs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("provider", sa.String(length=20), server_default="openai", nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("url", sa.Text()),
        sa.Column("api_key_name", sa.String(length=50)),
        sa.Column("location", sa.String(length=50)),
        sa.Column("output", sa.String(length=20)),
        sa.Column("temperature", sa.Float()),
        sa.Column("top_p", sa.Float()),
        sa.Column("top_k", sa.Integer()),
        sa.Column("context_tokens", sa.Integer()),
        sa.Column("answer_tokens", sa.Integer()),
        sa.Column("timeout_seconds", sa.Float()),
        sa.Column("input_price", sa.Float()),
        sa.Column("output_price", sa.Float()),
        _now("created_at"),
        _now("updated_at"),
        sa.CheckConstraint(
            "output IN ('schema', 'json', 'text')", name=op.f("ck_model_configs_output")
        ),
        sa.CheckConstraint(
            "provider IN ('openai', 'vertex')", name=op.f("ck_model_configs_provider")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("model_configs_pkey")),
        sa.UniqueConstraint("name", name=op.f("uq_model_configs_name")),
    )


def _create_ai_requests() -> None:
    op.create_table(
        "ai_requests",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("pipeline_id", sa.Integer()),
        sa.Column("stage", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("operation", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("request", JSONB(), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("response", sa.Text()),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("parse_result", JSONB()),
        sa.Column("error_message", sa.Text()),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost", sa.Float()),
        sa.Column("duration_seconds", sa.Float()),
        _now("created_at"),
        sa.CheckConstraint(
            "outcome IN ('reserved', 'answered', 'refused', 'failed')",
            name=op.f("ck_ai_requests_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"],
            ["pipeline_history.id"],
            name=op.f("ai_requests_pipeline_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("ai_requests_pkey")),
    )
    op.create_index("idx_ai_requests_created_at", "ai_requests", ["created_at"])
    op.create_index("idx_ai_requests_pipeline_hash", "ai_requests", ["pipeline_id", "request_hash"])


def _create_moment_candidates() -> None:
    op.create_table(
        "moment_candidates",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("pipeline_id", sa.Integer(), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("prompt_id", sa.Integer(), nullable=False),
        sa.Column("moment_id", sa.Integer()),
        sa.Column("operation", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("asked", JSONB(), nullable=False),
        sa.Column("proposal", JSONB(), nullable=False),
        sa.Column("repaired", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("start_time", sa.Float()),
        sa.Column("end_time", sa.Float()),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("rejection_code", sa.String(length=50)),
        sa.Column("reason", sa.Text()),
        _now("created_at"),
        sa.CheckConstraint(
            "(status = 'rejected') = (rejection_code IS NOT NULL)",
            name=op.f("ck_moment_candidates_rejected_has_code"),
        ),
        sa.CheckConstraint(
            "status IN ('proposed', 'chosen', 'merged', 'not_chosen', 'rejected')",
            name=op.f("ck_moment_candidates_status"),
        ),
        *(
            sa.ForeignKeyConstraint(
                [column],
                [f"{table}.id"],
                name=op.f(f"moment_candidates_{column}_fkey"),
                ondelete=action,
            )
            for column, table, action in (
                ("pipeline_id", "pipeline_history", "CASCADE"),
                ("video_id", "videos", "CASCADE"),
                ("prompt_id", "prompts", "CASCADE"),
                ("moment_id", "moments", "SET NULL"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("moment_candidates_pkey")),
    )
    for column in ("pipeline_id", "video_id", "moment_id", "prompt_id"):
        op.create_index(f"idx_moment_candidates_{column}", "moment_candidates", [column])
