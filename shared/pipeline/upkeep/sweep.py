"""Finds what was forgotten: everything in flight can be rebuilt from the ledger alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, exists, func, select, update

from shared.db.models import PipelineHistory, StageRun
from shared.error_codes.runs import LEASE_EXPIRED
from shared.errors import PublishFailed
from shared.messaging.protocol import Outgoing
from shared.pipeline.context import Context
from shared.pipeline.ledger.fail import give_up, tell_given_up
from shared.pipeline.ledger.finish import again
from shared.pipeline.ledger.pipeline_state import UNFINISHED, end_if_done, lock_pipeline
from shared.pipeline.topology import TopologyError
from shared.pipeline.upkeep.backlog import tell_backlog
from shared.pipeline.upkeep.cleanup import clean_up, not_cleaned_up

_log = structlog.get_logger(__name__)
BATCH = 500

Chore = Callable[[Context], int]
"""Upkeep of one subject. Returns how much there was to do."""


@dataclass(frozen=True, slots=True)
class Swept:
    """How much one sweep found; `chores` has the same of each subject's chore, by its name."""

    freed: int
    given_up: int
    published: int
    ended: int
    cleaned_up: int
    chores: Mapping[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """All of it in one list, as it is logged."""
        own = ("freed", "given_up", "published", "ended", "cleaned_up")
        return {name: getattr(self, name) for name in own} | dict(self.chores)


def sweep(
    context: Context,
    *,
    at_once: bool = False,
    dead_owners: Collection[str] | None = None,
    chores: Mapping[str, Chore] | None = None,
) -> Swept:
    """Free expired leases, fail runs without an attempt left, republish messages that wait long.

    `at_once`: for a process whose topics start empty: publish every queued message, however young.
    `dead_owners`: processes known to be gone. Their leases are freed before they expire, and their
    attempts are not counted. `chores`: the subjects' upkeep, by the name that the report gives it.
    Raises `PublishFailed`, or the error of the first chore that failed, when all else is done.
    """
    freed = _free_leases(context) + _free_dead(context, dead_owners or ())
    given_up = _give_up_hopeless(context)
    published, errors = 0, list[Exception]()
    try:
        published = _publish_queued(context, at_once=at_once)
    except PublishFailed as error:
        errors.append(error)
    ended = _end_forgotten(context)
    cleaned_up = sum(clean_up(context, pipeline_id) for pipeline_id in not_cleaned_up(context))
    done = _do_chores(context, chores or {}, errors)
    swept = Swept(freed, given_up, published, ended, cleaned_up, done)
    tell_backlog(context)
    if any(swept.counts().values()):
        _log.info("swept", **swept.counts())
    if errors:
        raise errors[0]
    return swept


def _do_chores(
    context: Context, chores: Mapping[str, Chore], errors: list[Exception]
) -> dict[str, int]:
    """What each chore did. One that fails is added to `errors` and holds up no other."""
    done = {}
    for name, chore in chores.items():
        try:
            done[name] = chore(context)
        except Exception as error:
            _log.warning("chore failed", chore=name, error=str(error), exc_info=True)
            done[name] = 0
            errors.append(error)
    return done


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
                error_code=LEASE_EXPIRED,
                error_message="The worker stopped responding.",
                available_at=due,
                queued_at=due,
                published_at=None,
                updated_at=clock.now(),
            )
            .returning(StageRun.id)
            .execution_options(synchronize_session=False)
        ).all()
    return len(freed)


def _give_up_hopeless(context: Context) -> int:
    limit = context.policy.max_attempts
    with context.session() as session:
        rows = session.execute(
            select(StageRun.id, StageRun.pipeline_id, StageRun.stage)
            .join(PipelineHistory, PipelineHistory.id == StageRun.pipeline_id)
            .where(
                PipelineHistory.status == "running",
                StageRun.status == "queued",
                (StageRun.attempt >= limit) | PipelineHistory.error_stage.is_not(None),
            )
        ).all()
    given_up = 0
    for row in rows:
        try:
            stage = context.topology.stage(row.stage)
        except TopologyError as error:
            _log.warning("left by another version", run=row.id, reason=str(error))
            continue
        with context.session() as session, session.begin():
            ended = give_up(session, stage, row.pipeline_id, row.id, limit, context.clock)
        if ended is None:
            continue
        given_up += 1
        tell_given_up(stage, ended)
        if ended.pipeline_ended:
            clean_up(context, row.pipeline_id)
    return given_up


def _publish_queued(context: Context, *, at_once: bool) -> int:
    clock = context.clock
    since = func.greatest(
        StageRun.available_at, func.coalesce(StageRun.published_at, StageRun.queued_at)
    )
    waiting = (StageRun.status == "queued") & _in_running_pipeline()
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
        # Only now: what could not be published is due at the next sweep.
        _mark_published(context, list(messages))
        published += len(messages)


def _in_running_pipeline() -> ColumnElement[bool]:
    return StageRun.pipeline_id.in_(
        select(PipelineHistory.id).where(PipelineHistory.status == "running")
    )


def _message(context: Context, row: Any) -> Outgoing | None:
    try:
        return again(context.topology, row)
    except (KeyError, ValidationError) as error:
        _log.warning("left by another version", run=row.id, topic=row.topic, reason=str(error))
        return None


def _mark_published(context: Context, ids: list[int]) -> None:
    # Whoever holds a row's lock is at work on it.
    free = (
        select(StageRun.id)
        .where(StageRun.id.in_(ids), StageRun.status == "queued")
        .with_for_update(skip_locked=True)
    )
    with context.session() as session, session.begin():
        session.execute(
            update(StageRun)
            .where(StageRun.id.in_(free))
            .values(published_at=context.clock.now())
            .execution_options(synchronize_session=False)
        )


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
