"""The sweep: resume everything in flight from the ledger alone."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy import ColumnElement, exists, func, select, update

from shared.db.models import UNFINISHED, Run, RunStatus, StageRun, StageRunStatus
from shared.error_codes.runs import LEASE_EXPIRED
from shared.errors import PublishFailed
from shared.pipeline.context import Context
from shared.pipeline.ledger.fail import abandon, count_abandoned
from shared.pipeline.ledger.run_state import end_if_done, lock_run
from shared.pipeline.topology import TopologyError
from shared.pipeline.upkeep.backlog import tell_backlog
from shared.pipeline.upkeep.cleanup import clean_up, not_cleaned_up
from shared.pipeline.upkeep.republish import publish_queued

_log = structlog.get_logger(__name__)

Chore = Callable[[Context], int]
"""Upkeep of one subject. Returns the number of things done."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """The counts of one sweep. `chores` has each subject's count, by its chore's name."""

    freed: int
    abandoned: int
    published: int
    ended: int
    cleaned_up: int
    chores: Mapping[str, int] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """All counts in one mapping, as logged."""
        own = ("freed", "abandoned", "published", "ended", "cleaned_up")
        return {name: getattr(self, name) for name in own} | dict(self.chores)


def sweep(
    context: Context,
    *,
    at_once: bool = False,
    dead_owners: Collection[str] | None = None,
    chores: Mapping[str, Chore] | None = None,
) -> SweepReport:
    """Free expired leases, abandon exhausted stage runs, republish messages that wait long.

    `at_once`: publish every queued message, however young, because this process's topics start
    empty. `dead_owners`: processes that have ended. Their leases are freed before they expire, and
    their attempts do not count. `chores`: the subjects' upkeep, by its name in the report. After
    all other work is done, raises `PublishFailed` or the error of the first failed chore.
    """
    freed = _free_leases(context) + _free_dead(context, dead_owners or ())
    abandoned = _abandon_exhausted(context)
    published, errors = 0, list[Exception]()
    try:
        published = publish_queued(context, at_once=at_once)
    except PublishFailed as error:
        errors.append(error)
    ended = _end_forgotten(context)
    cleaned_up = sum(clean_up(context, run_id) for run_id in not_cleaned_up(context))
    done = _do_chores(context, chores or {}, errors)
    report = SweepReport(freed, abandoned, published, ended, cleaned_up, done)
    tell_backlog(context)
    if any(report.counts().values()):
        _log.info("swept", **report.counts())
    if errors:
        raise errors[0]
    return report


def _do_chores(
    context: Context, chores: Mapping[str, Chore], errors: list[Exception]
) -> dict[str, int]:
    """The count of each chore. A failure goes to `errors` and does not stop other chores."""
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
    rows = select(StageRun.id).where(StageRun.status == StageRunStatus.RUNNING, which)
    with context.session() as session, session.begin():
        freed = session.execute(
            update(StageRun)
            .where(StageRun.id.in_(rows.with_for_update(skip_locked=True)))
            .values(
                status=StageRunStatus.QUEUED,
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


def _abandon_exhausted(context: Context) -> int:
    """Also skips queued stage runs of failed runs."""
    limit = context.policy.max_attempts
    with context.session() as session:
        rows = session.execute(
            select(StageRun.id, StageRun.run_id, StageRun.stage)
            .join(Run, Run.id == StageRun.run_id)
            .where(
                Run.status == RunStatus.RUNNING,
                StageRun.status == StageRunStatus.QUEUED,
                (StageRun.attempt >= limit) | Run.error_stage.is_not(None),
            )
        ).all()
    count = 0
    for row in rows:
        try:
            stage = context.topology.stage(row.stage)
        except TopologyError as error:
            _log.warning("left by another version", run=row.id, reason=str(error))
            continue
        with context.session() as session, session.begin():
            abandoned = abandon(session, stage, row.run_id, row.id, limit, context.clock)
        if abandoned is None:
            continue
        count += 1
        count_abandoned(stage, abandoned)
        if abandoned.run_ended:
            clean_up(context, row.run_id)
    return count


def _end_forgotten(context: Context) -> int:
    """End running runs without unfinished stage runs; other versions of the code may leave some."""
    with context.session() as session:
        forgotten = list(
            session.execute(
                select(Run.id).where(
                    Run.status == RunStatus.RUNNING,
                    ~exists().where(StageRun.run_id == Run.id, StageRun.status.in_(UNFINISHED)),
                )
            ).scalars()
        )
    ended = 0
    for run_id in forgotten:
        with context.session() as session, session.begin():
            run = lock_run(session, run_id)
            if run is not None and end_if_done(session, run, context.clock):
                ended += 1
    return ended
