"""Create the history of pipelines and the ledger of stage runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_pipeline_history()
    _create_stage_runs()
    op.execute(
        "CREATE TRIGGER stage_runs_updated_at BEFORE UPDATE ON stage_runs FOR EACH ROW "
        "WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION set_updated_at()"
    )


def downgrade() -> None:
    op.drop_table("stage_runs")
    op.drop_table("pipeline_history")


def _create_pipeline_history() -> None:
    op.create_table(
        "pipeline_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("identifier", sa.String(length=100), nullable=False),
        sa.Column("video_id", sa.Integer(), nullable=False),
        sa.Column("generation_config_id", sa.Integer(), nullable=False),
        sa.Column("pipeline_type", sa.String(length=50), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("duration_seconds", sa.Float()),
        sa.Column("total_moments_generated", sa.Integer()),
        sa.Column("total_clips_created", sa.Integer()),
        sa.Column("error_stage", sa.String(length=50)),
        sa.Column("error_message", sa.Text()),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()")),
        sa.ForeignKeyConstraint(
            ["generation_config_id"],
            ["generation_configs.id"],
            name=op.f("pipeline_history_generation_config_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["video_id"],
            ["videos.id"],
            name=op.f("pipeline_history_video_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pipeline_history_pkey")),
        sa.UniqueConstraint("identifier", name="idx_pipeline_history_identifier"),
    )
    op.create_index("idx_pipeline_history_config_id", "pipeline_history", ["generation_config_id"])
    op.create_index("idx_pipeline_history_started_at", "pipeline_history", ["started_at"])
    op.create_index("idx_pipeline_history_status", "pipeline_history", ["status"])
    op.create_index("idx_pipeline_history_video_id", "pipeline_history", ["video_id"])


def _create_stage_runs() -> None:
    op.create_table(
        "stage_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("pipeline_id", sa.Integer()),
        sa.Column("stage", sa.String(length=50), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("message", JSONB(), nullable=False),
        sa.Column("parent_id", sa.BigInteger()),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("lease_token", sa.Uuid()),
        sa.Column("lease_owner", sa.Text()),
        sa.Column("lease_expires_at", sa.DateTime(timezone=True)),
        sa.Column(
            "available_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "queued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("published_at", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("error_code", sa.String(length=50)),
        sa.Column("error_message", sa.Text()),
        sa.Column("result", JSONB()),
        sa.Column("metrics", JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "(status = 'running') = (lease_token IS NOT NULL)", name=op.f("ck_stage_runs_lease")
        ),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'completed', 'failed', 'skipped')",
            name=op.f("ck_stage_runs_status"),
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["stage_runs.id"],
            name=op.f("stage_runs_parent_id_fkey"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["pipeline_id"],
            ["pipeline_history.id"],
            name=op.f("stage_runs_pipeline_id_fkey"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("stage_runs_pkey")),
        sa.UniqueConstraint(
            "pipeline_id",
            "stage",
            "subject",
            name="uq_stage_runs_pipeline_stage_subject",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index(
        "idx_stage_runs_due",
        "stage_runs",
        ["available_at"],
        postgresql_where=sa.text("status = 'queued'"),
    )
    op.create_index(
        "idx_stage_runs_lease",
        "stage_runs",
        ["lease_expires_at"],
        postgresql_where=sa.text("status = 'running'"),
    )
    op.create_index("idx_stage_runs_parent_id", "stage_runs", ["parent_id"])
    op.create_index("idx_stage_runs_pipeline_status", "stage_runs", ["pipeline_id", "status"])
