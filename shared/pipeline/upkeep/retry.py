"""Retry the failed stage runs of an ended run, never the completed ones."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import Run, StageRun, StageRunStatus
from shared.error_codes.commands import RETRY_NOT_ENOUGH
from shared.errors import Reject
from shared.messaging.protocol import Outgoing
from shared.pipeline.context import Context
from shared.pipeline.ledger.queued_messages import queued_message
from shared.pipeline.ledger.run_state import RETRYABLE_STATUSES, lock_run, reopen
from shared.pipeline.topology import Topology


def retry(context: Context, identifier: str, stage: str | None = None) -> int:
    """Queue and publish the failed stage runs of the run again, or those of one stage.

    Returns how many; 0 if the run is running, completed, or ended for a reason that a retry cannot
    fix. If publishing fails, the sweep publishes them. Raises `Reject` if the stage alone would not
    help, `TopologyError` if the stage does not exist.
    """
    if stage is not None:
        context.topology.stage(stage)
    with context.session() as session, session.begin():
        run = _lock_run(session, identifier)
        if run is None or run.status not in RETRYABLE_STATUSES:
            return 0
        if stage is not None and not _is_enough(session, run, stage, context.topology):
            return 0
        reopened = reopen(session, run, context.clock, stage=stage)
        messages = _queued_messages(session, run, context.topology) if reopened else []
    context.publisher.publish(messages)
    return reopened


def _lock_run(session: Session, identifier: str) -> Run | None:
    found = session.execute(select(Run.id).where(Run.identifier == identifier)).scalar_one_or_none()
    return lock_run(session, found) if found is not None else None


def _is_enough(session: Session, run: Run, stage: str, topology: Topology) -> bool:
    """Whether the stage failed. Raises `Reject` if a retry of it alone cannot save the run."""
    failed = set(
        session.execute(
            select(StageRun.stage)
            .where(StageRun.run_id == run.id, StageRun.status == StageRunStatus.FAILED)
            .distinct()
        ).scalars()
    )
    others = sorted(
        function.name
        for function in topology.stages
        if function.required and function.name in failed - {stage}
    )
    if stage in failed and others:
        raise Reject(
            RETRY_NOT_ENOUGH,
            f"{', '.join(others)} failed too, and the run cannot succeed without that. "
            "Leave out --stage to run every failed stage again.",
        )
    return stage in failed


def _queued_messages(session: Session, run: Run, topology: Topology) -> list[Outgoing]:
    rows = session.execute(
        select(StageRun.stage, StageRun.topic, StageRun.message, StageRun.traceparent)
        .where(StageRun.run_id == run.id, StageRun.status == StageRunStatus.QUEUED)
        .order_by(StageRun.id)
    ).all()
    return [queued_message(topology, row) for row in rows]
