"""Store each stage run's span, so that a republished message continues its trace."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stage_runs", sa.Column("traceparent", sa.String(length=55)))


def downgrade() -> None:
    op.drop_column("stage_runs", "traceparent")
