"""How much is unfinished, for whoever watches the deployment."""

from __future__ import annotations

from sqlalchemy import extract, func, select

from shared.db.models import PipelineHistory, StageRun
from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import due_at
from shared.telemetry import measures


def tell_backlog(context: Context) -> None:
    """Measure it, where anybody is told: it costs two queries."""
    if not measures.measured():
        return
    oldest = extract("epoch", func.max(context.clock.now() - due_at()))
    with context.session() as session:
        running = session.execute(
            select(func.count())
            .select_from(PipelineHistory)
            .where(PipelineHistory.status == "running")
        ).scalar_one()
        waited = session.execute(
            select(oldest)
            .join(PipelineHistory, PipelineHistory.id == StageRun.pipeline_id)
            .where(PipelineHistory.status == "running", StageRun.status == "queued")
        ).scalar_one()
    measures.backlog(running, max(0.0, float(waited or 0)))
