"""Publish the messages of queued stage runs again, in case the broker never had or lost them."""

from __future__ import annotations

from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import func, select, update

from shared.db.models import Run, RunStatus, StageRun, StageRunStatus
from shared.messaging.protocol import Outgoing
from shared.pipeline.context import Context
from shared.pipeline.ledger.queued_messages import queued_message

_log = structlog.get_logger(__name__)
BATCH = 500


def publish_queued(context: Context, *, at_once: bool) -> int:
    """Publish the messages that waited too long, or all of them `at_once`. Returns how many."""
    clock = context.clock
    running = select(Run.id).where(Run.status == RunStatus.RUNNING)
    since = func.greatest(
        StageRun.available_at, func.coalesce(StageRun.published_at, StageRun.queued_at)
    )
    waiting = (StageRun.status == StageRunStatus.QUEUED) & StageRun.run_id.in_(running)
    if not at_once:
        waiting &= since <= clock.after(-context.policy.republish_seconds)
    published = 0
    last_id = 0
    while True:
        with context.session() as session:
            rows = session.execute(
                select(
                    StageRun.id,
                    StageRun.stage,
                    StageRun.topic,
                    StageRun.message,
                    StageRun.traceparent,
                )
                .where(waiting, StageRun.id > last_id)
                .order_by(StageRun.id)
                .limit(BATCH)
            ).all()
        if not rows:
            return published
        last_id = rows[-1].id
        messages = {row.id: message for row in rows if (message := _message(context, row))}
        context.publisher.publish(list(messages.values()))
        # Marked after publishing: if that fails, the next sweep publishes these again.
        _mark_published(context, list(messages))
        published += len(messages)


def _message(context: Context, row: Any) -> Outgoing | None:
    try:
        return queued_message(context.topology, row)
    except (KeyError, ValidationError) as error:
        _log.warning("left by another version", run=row.id, topic=row.topic, reason=str(error))
        return None


def _mark_published(context: Context, ids: list[int]) -> None:
    # A worker that holds a row's lock has claimed it.
    free = (
        select(StageRun.id)
        .where(StageRun.id.in_(ids), StageRun.status == StageRunStatus.QUEUED)
        .with_for_update(skip_locked=True)
    )
    with context.session() as session, session.begin():
        session.execute(
            update(StageRun)
            .where(StageRun.id.in_(free))
            .values(published_at=context.clock.now())
            .execution_options(synchronize_session=False)
        )
