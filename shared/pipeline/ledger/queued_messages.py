"""The messages of queued stage runs, ready to be published again."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import StageRun, StageRunStatus
from shared.messaging.outgoing import outgoing
from shared.messaging.protocol import Outgoing
from shared.pipeline.topology import Topology


def pending_children(session: Session, stage_run_id: int, topology: Topology) -> list[Outgoing]:
    """The messages of an ended stage run that no worker has claimed, so perhaps never published.

    A message that was tried before and waits for its next attempt is left out.
    """
    rows = session.execute(
        select(StageRun.stage, StageRun.topic, StageRun.message, StageRun.traceparent)
        .where(
            StageRun.parent_id == stage_run_id,
            StageRun.status == StageRunStatus.QUEUED,
            StageRun.attempt == 0,
        )
        .order_by(StageRun.id)
    ).all()
    return [queued_message(topology, row) for row in rows]


def queued_message(topology: Topology, row: Any) -> Outgoing:
    """The message of a queued stage run, to be published again for its stage and in its trace.

    `row` has the stage run's stage, topic, message and traceparent. Raises KeyError and
    ValidationError if this version does not know the message.
    """
    message = topology.messages[row.topic].model_validate(row.message)
    return outgoing(message, stage=row.stage, traceparent=row.traceparent)
