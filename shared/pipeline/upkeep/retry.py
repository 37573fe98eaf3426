"""Does again what failed in an ended pipeline, and nothing that was completed."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import PipelineHistory, StageRun
from shared.error_codes.commands import RETRY_NOT_ENOUGH
from shared.errors import Reject
from shared.messaging.protocol import Outgoing
from shared.pipeline.context import Context
from shared.pipeline.ledger.finish import again
from shared.pipeline.ledger.pipeline_state import RETRYABLE_STATUSES, lock_pipeline, reopen
from shared.pipeline.topology import Topology


def retry(context: Context, identifier: str, stage: str | None = None) -> int:
    """Queue again what failed in the pipeline, or in that stage of it, and publish it.

    Returns how many stage runs; 0 when the pipeline is at work, completed, or ended for a reason
    that a retry cannot mend. What cannot be published now is published by the sweep. Raises
    `Reject` when the stage alone would not help, `TopologyError` when there is no such stage.
    """
    if stage is not None:
        context.topology.stage(stage)
    with context.session() as session, session.begin():
        pipeline = _locked(session, identifier)
        if pipeline is None or pipeline.status not in RETRYABLE_STATUSES:
            return 0
        if stage is not None and not _is_enough(session, pipeline, stage, context.topology):
            return 0
        reopened = reopen(session, pipeline, context.clock, stage=stage)
        messages = _queued(session, pipeline, context.topology) if reopened else []
    context.publisher.publish(messages)
    return reopened


def _locked(session: Session, identifier: str) -> PipelineHistory | None:
    found = session.execute(
        select(PipelineHistory.id).where(PipelineHistory.identifier == identifier)
    ).scalar_one_or_none()
    return lock_pipeline(session, found) if found is not None else None


def _is_enough(session: Session, pipeline: PipelineHistory, stage: str, topology: Topology) -> bool:
    """Whether anything failed in that stage. Raises `Reject` if the run cannot succeed so."""
    failed = set(
        session.execute(
            select(StageRun.stage)
            .where(StageRun.pipeline_id == pipeline.id, StageRun.status == "failed")
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


def _queued(session: Session, pipeline: PipelineHistory, topology: Topology) -> list[Outgoing]:
    rows = session.execute(
        select(StageRun.stage, StageRun.topic, StageRun.message, StageRun.traceparent)
        .where(StageRun.pipeline_id == pipeline.id, StageRun.status == "queued")
        .order_by(StageRun.id)
    ).all()
    return [again(topology, row) for row in rows]
