"""Fill `run_id` in the stage runs and the model calls that the last release left.

Each batch is a transaction of its own, so that a big table is not locked for long. A batch leaves
out rows that a worker has locked, and the next pass fills them. After an interruption the next
upgrade continues with the remaining rows.
"""

from __future__ import annotations

import time

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

BATCH = 5_000
PAUSE_SECONDS = 0.2

FILL_BATCH = """
WITH batch AS (
    SELECT t.id, r.id AS run_id FROM {table} t JOIN runs r ON r.pipeline_history_id = t.pipeline_id
    WHERE t.run_id IS NULL AND t.id > :after
    ORDER BY t.id LIMIT :size FOR NO KEY UPDATE OF t SKIP LOCKED
), filled AS (
    UPDATE {table} t SET run_id = batch.run_id FROM batch WHERE t.id = batch.id RETURNING t.id
)
SELECT max(id) FROM filled
"""

IS_UNFILLED = """
SELECT EXISTS (SELECT FROM {table} WHERE run_id IS NULL AND pipeline_id IS NOT NULL)
"""


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # As Alembic enters the block it reads the isolation level, for which pg8000 opens a
        # transaction that would hold all batches.
        op.execute("COMMIT")
        for table in ("stage_runs", "ai_requests"):
            while _is_unfilled(table):
                _fill(table)


def downgrade() -> None:
    """Do nothing: 0012 drops the column."""


def _is_unfilled(table: str) -> bool:
    return bool(op.get_bind().execute(sa.text(IS_UNFILLED.format(table=table))).scalar_one())


def _fill(table: str) -> None:
    """One pass over the table, without the locked rows."""
    last: int | None = 0
    while last is not None:
        last = (
            op.get_bind()
            .execute(sa.text(FILL_BATCH.format(table=table)), {"after": last, "size": BATCH})
            .scalar_one()
        )
    time.sleep(PAUSE_SECONDS)
