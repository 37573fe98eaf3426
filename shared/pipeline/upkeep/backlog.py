"""How much is unfinished, for the people who watch the deployment."""

from __future__ import annotations

from sqlalchemy import extract, func, select

from shared.db.models import Run, RunStatus, StageRun, StageRunStatus
from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import due_at
from shared.telemetry import measures


def tell_backlog(context: Context) -> None:
    """Measure the backlog if metrics are exported: it costs two queries."""
    if not measures.is_measuring():
        return
    oldest = extract("epoch", func.max(context.clock.now() - due_at()))
    with context.session() as session:
        running = session.execute(
            select(func.count()).select_from(Run).where(Run.status == RunStatus.RUNNING)
        ).scalar_one()
        waited = session.execute(
            select(oldest)
            .join(Run, Run.id == StageRun.run_id)
            .where(Run.status == RunStatus.RUNNING, StageRun.status == StageRunStatus.QUEUED)
        ).scalar_one()
    measures.backlog(running, max(0.0, float(waited or 0)))
