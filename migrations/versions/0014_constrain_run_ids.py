"""One stage run for each (run, stage, subject), found by its run.

`pipeline_id` stays for the last release, without its foreign keys: deleting a row of
pipeline_history deletes its run and all rows that refer to the run.

Building the indexes blocks writes to the two tables: some seconds for each million rows.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

REFERRING = ("stage_runs", "ai_requests")


def upgrade() -> None:
    op.create_unique_constraint(
        "uq_stage_runs_run_stage_subject",
        "stage_runs",
        ["run_id", "stage", "subject"],
        postgresql_nulls_not_distinct=True,
    )
    op.create_index("idx_stage_runs_run_status", "stage_runs", ["run_id", "status"])
    op.create_index("idx_ai_requests_run_hash", "ai_requests", ["run_id", "request_hash"])
    # The last release finds a pipeline's stage runs by the constraint that begins with it.
    op.drop_index("idx_stage_runs_pipeline_status", "stage_runs")
    op.create_check_constraint(
        op.f("ck_stage_runs_run"), "stage_runs", "(run_id IS NULL) = (pipeline_id IS NULL)"
    )
    for table in REFERRING:
        op.drop_constraint(op.f(f"{table}_pipeline_id_fkey"), table)


def downgrade() -> None:
    """Delete the stage runs and model calls of runs without pipeline_history."""
    for table in REFERRING:
        op.execute(sa.text(f"DELETE FROM {table} WHERE pipeline_id < 0"))  # noqa: S608
        op.create_foreign_key(
            op.f(f"{table}_pipeline_id_fkey"),
            table,
            "pipeline_history",
            ["pipeline_id"],
            ["id"],
            ondelete="CASCADE",
        )
    op.drop_constraint(op.f("ck_stage_runs_run"), "stage_runs")
    op.create_index("idx_stage_runs_pipeline_status", "stage_runs", ["pipeline_id", "status"])
    op.drop_index("idx_ai_requests_run_hash", "ai_requests")
    op.drop_index("idx_stage_runs_run_status", "stage_runs")
    op.drop_constraint("uq_stage_runs_run_stage_subject", "stage_runs")
