"""Finds what was forgotten: everything in flight can be rebuilt from the ledger alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import ColumnElement, exists, func, select, update

from shared.db.models import PipelineHistory, StageRun
from shared.messaging.protocol import Outgoing
from shared.pipeline.cleaning import clean_up, not_cleaned_up
from shared.pipeline.context import Context
from shared.pipeline.ending import UNFINISHED, end_if_done, lock_pipeline
from shared.pipeline.finishing import again, fail_exhausted

_log = structlog.get_logger(__name__)
BATCH = 500


@dataclass(frozen=True, slots=True)
class Swept:
    """How much one sweep found."""

    freed: int
    exhausted: int
    published: int
    ended: int
    cleaned_up: int


def sweep(
    context: Context, *, at_once: bool = False, dead_owners: Collection[str] | None = None
) -> Swept:
    """Free expired leases, fail what has no attempt left, publish again what waits too long.

    `at_once`: for a process whose own topics begin empty: everything queued is published, however
    young. `dead_owners`: processes known to be gone, whose leases are free before they expire;
    attempts that ended so are not counted.
    """
    freed = _free_leases(context) + _free_dead(context, dead_owners or ())
    exhausted = _fail_exhausted(context)
    published = _publish_queued(context, at_once=at_once)
    ended = _end_forgotten(context)
    forgotten = not_cleaned_up(context)
    for pipeline_id in forgotten:
        clean_up(context, pipeline_id)
    swept = Swept(freed, exhausted, published, ended, len(forgotten))
    if any((freed, exhausted, published, ended, forgotten)):
        _log.info(
            "swept",
            freed=freed,
            exhausted=exhausted,
            published=published,
            ended=ended,
            cleaned_up=len(forgotten),
        )
    return swept


def _free_leases(context: Context) -> int:
    expired = StageRun.lease_expires_at <= context.clock.now()
    return _free(context, expired, StageRun.attempt)


def _free_dead(context: Context, owners: Collection[str]) -> int:
    if not owners:
        return 0
    return _free(context, StageRun.lease_owner.in_(owners), func.greatest(StageRun.attempt - 1, 0))


def _free(context: Context, which: ColumnElement[bool], attempt: Any) -> int:
    clock = context.clock
    # Due at once, so that the same sweep publishes it.
    due = clock.after(-context.policy.republish_seconds)
    rows = select(StageRun.id).where(StageRun.status == "running", which)
    with context.session() as session, session.begin():
        freed = session.execute(
            update(StageRun)
            .where(StageRun.id.in_(rows.with_for_update(skip_locked=True)))
            .values(
                status="queued",
                attempt=attempt,
                lease_token=None,
                lease_owner=None,
                lease_expires_at=None,
                error_code="lease_expired",
                error_message="The worker was not heard of any more.",
                available_at=due,
                queued_at=due,
                published_at=None,
                updated_at=clock.now(),
            )
            .returning(StageRun.id)
            .execution_options(synchronize_session=False)
        ).all()
    return len(freed)


def _fail_exhausted(context: Context) -> int:
    limit = context.policy.max_attempts
    with context.session() as session:
        rows = session.execute(
            select(StageRun.id, StageRun.pipeline_id, StageRun.stage).where(
                StageRun.status == "queued",
                StageRun.attempt >= limit,
                StageRun.pipeline_id.is_not(None),
            )
        ).all()
    for row in rows:
        stage = context.topology.stage(row.stage)
        with context.session() as session, session.begin():
            ended = fail_exhausted(session, stage, row.pipeline_id, row.id, limit, context.clock)
        if ended:
            clean_up(context, row.pipeline_id)
    return len(rows)


def _publish_queued(context: Context, *, at_once: bool) -> int:
    clock = context.clock
    since = func.greatest(
        StageRun.available_at, func.coalesce(StageRun.published_at, StageRun.queued_at)
    )
    waiting = (StageRun.status == "queued") & StageRun.pipeline_id.is_not(None)
    if not at_once:
        waiting &= since <= clock.after(-context.policy.republish_seconds)
    published = 0
    last_id = 0
    while True:
        with context.session() as session, session.begin():
            rows = session.execute(
                select(StageRun.id, StageRun.stage, StageRun.topic, StageRun.message)
                .where(waiting, StageRun.id > last_id)
                .order_by(StageRun.id)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            ).all()
            if rows:
                session.execute(
                    update(StageRun)
                    .where(StageRun.id.in_([row.id for row in rows]))
                    .values(published_at=clock.now())
                )
        if not rows:
            return published
        outgoing: list[Outgoing] = [
            again(context.topology, row.stage, row.topic, row.message) for row in rows
        ]
        context.publisher.publish(outgoing)
        published += len(rows)
        last_id = rows[-1].id


def _end_forgotten(context: Context) -> int:
    """Running pipelines without unfinished runs: an older version of the code may leave such."""
    with context.session() as session:
        ids = session.execute(
            select(PipelineHistory.id).where(
                PipelineHistory.status == "running",
                ~exists().where(
                    StageRun.pipeline_id == PipelineHistory.id, StageRun.status.in_(UNFINISHED)
                ),
            )
        ).scalars()
        forgotten = list(ids)
    ended = 0
    for pipeline_id in forgotten:
        with context.session() as session, session.begin():
            pipeline = lock_pipeline(session, pipeline_id)
            if pipeline is not None and end_if_done(session, pipeline, context.clock):
                ended += 1
    return ended
