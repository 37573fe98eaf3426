"""Queue a stage run, and claim it: the first half of its life in the ledger."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, extract, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import UNFINISHED, Run, StageRun, StageRunStatus
from shared.error_codes.runs import ASKED_TO_WAIT, LEASE_EXPIRED
from shared.messages.base import Message
from shared.messaging.delivery import Ignored
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.run_state import is_closed, lock_run, not_begun
from shared.pipeline.stage import Stage
from shared.settings.runtime import RuntimeSettings
from shared.telemetry import trace


@dataclass(frozen=True, slots=True)
class RunIdentity:
    """The facts of a run that never change. `kind` names its pipeline."""

    id: int
    identifier: str
    kind: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A stage run that this worker holds until the lease ends; `token` fences all its writes.

    `queued_seconds`: how long it had been due. `traceparent`: the span it was queued in.
    """

    stage_run_id: int
    token: uuid.UUID
    attempt: int
    run: RunIdentity
    queued_seconds: float = 0.0
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class AlreadyEnded:
    """The stage run has ended already. Its messages may have to be published again."""

    stage_run_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker's lease is live, or the stage run waits until a server will answer it."""


@dataclass(frozen=True, slots=True)
class NotRunnable:
    """The stage run may not begin: no attempt is left, or its run has failed or ended."""

    stage_run_id: int
    run_id: int


def claim(
    session: Session,
    stage: Stage,
    message: Message,
    identifier: str,
    *,
    owner: str,
    policy: RuntimeSettings,
    clock: Clock,
) -> Claim | AlreadyEnded | Busy | NotRunnable | Ignored:
    """Take the stage run if it is queued, if its lease expired, or if it is new to a running run.

    Locks the stage run alone. A new one is inserted under the lock of its run, which comes first.
    """
    run = session.execute(select(Run).where(Run.identifier == identifier)).scalar_one_or_none()
    if run is None:
        return Ignored(f"there is no pipeline {identifier}")
    if run.kind not in stage.pipeline_types:
        return Ignored(f"a {run.kind} run has no {stage.name}")
    row = _locked_row(session, run.id, stage, message, clock)
    if row is None:
        row = _new_row(session, run.id, stage, message, clock)
    if row is None:
        return Ignored("the pipeline has ended, or is about to, or was deleted")
    if row.status not in UNFINISHED:
        return AlreadyEnded(row.id, row.status)
    if row.is_resting or (row.status == StageRunStatus.RUNNING and row.is_live):
        return Busy()
    if row.attempt >= policy.max_attempts or is_closed(run):
        return NotRunnable(row.id, run.id)
    token = uuid.uuid4()
    session.execute(
        update(StageRun)
        .where(StageRun.id == row.id)
        .values(
            status=StageRunStatus.RUNNING,
            attempt=row.attempt + 1,
            lease_token=token,
            lease_owner=owner,
            lease_expires_at=clock.after(policy.lease_seconds),
            started_at=clock.now(),
            updated_at=clock.now(),
        )
    )
    identity = RunIdentity(run.id, run.identifier, run.kind)
    waited = max(0.0, float(row.waited))
    return Claim(row.id, token, row.attempt + 1, identity, waited, row.traceparent)


def _locked_row(session: Session, run_id: int, stage: Stage, message: Message, clock: Clock) -> Any:
    is_live = (StageRun.lease_expires_at > clock.now()).label("is_live")
    resting = and_(
        StageRun.status == StageRunStatus.QUEUED,
        StageRun.error_code == ASKED_TO_WAIT,
        StageRun.available_at > clock.now(),
    ).label("is_resting")
    waited = extract("epoch", clock.now() - due_at()).label("waited")
    return session.execute(
        select(
            StageRun.id,
            StageRun.status,
            StageRun.attempt,
            StageRun.traceparent,
            is_live,
            resting,
            waited,
        )
        .where(
            StageRun.run_id == run_id,
            StageRun.stage == stage.name,
            StageRun.subject == message.subject,
        )
        .with_for_update()
    ).one_or_none()


def due_at() -> ColumnElement[datetime]:
    """The time since which an unfinished stage run waits for a worker, in SQL."""
    return case(
        (StageRun.status == StageRunStatus.RUNNING, StageRun.lease_expires_at),
        # The sweep backdates the stage runs that it frees, to publish them at once.
        (StageRun.error_code == LEASE_EXPIRED, StageRun.updated_at),
        else_=StageRun.available_at,
    )


def _new_row(session: Session, run_id: int, stage: Stage, message: Message, clock: Clock) -> Any:
    """Admit a message that no stage queued, e.g. one that a person published, to a running run.

    The run's lock keeps others from ending the run meanwhile.
    """
    run = lock_run(session, run_id)
    if run is None or is_closed(run):
        return None
    queue(session, run_id, stage, message, parent_id=None, clock=clock)
    return _locked_row(session, run_id, stage, message, clock)


def queue(
    session: Session,
    run_id: int,
    stage: Stage,
    message: Message,
    *,
    parent_id: int | None,
    clock: Clock,
    closed: bool = False,
) -> bool:
    """Insert the stage run as `queued`, or as skipped if its run is `closed`.

    False if it exists already, in any status. The caller holds the run's lock.
    """
    values = {
        "run_id": run_id,
        "stage": stage.name,
        "subject": message.subject,
        "topic": message.topic,
        "message": message.model_dump(mode="json"),
        "parent_id": parent_id,
        "status": StageRunStatus.QUEUED,
        "available_at": clock.now(),
        "queued_at": clock.now(),
        # An entry message has no parent; remember the trace it arrived in, for a later retry.
        "traceparent": trace.origin() if parent_id is None else trace.traceparent(),
    }
    if closed:
        values |= not_begun("the run had failed already", clock)
    inserted = session.execute(
        insert(StageRun).values(values).on_conflict_do_nothing().returning(StageRun.id)
    ).one_or_none()
    return inserted is not None
