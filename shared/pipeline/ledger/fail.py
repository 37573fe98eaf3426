"""Mark a stage run as failed, or abandon it before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import StageRun, StageRunStatus
from shared.error_codes.error_code import ErrorCode
from shared.error_codes.runs import ATTEMPTS_EXHAUSTED, LEASE_EXPIRED
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.claim import Claim
from shared.pipeline.ledger.finish import AfterCommit, close_stage_run, fenced, own_trace
from shared.pipeline.ledger.run_state import (
    ENDS_RUN,
    end_if_done,
    is_closed,
    lock_run,
    mark_failed,
    not_begun,
)
from shared.pipeline.stage import Stage
from shared.telemetry import measures, trace

LAST_ERROR_CODE = "last_error_code"
"""The key in `metrics` that keeps the code of the last attempt when none is left."""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The status of a stage run that never began, and whether its run ended with it."""

    status: str
    run_ended: bool


def count_abandoned(stage: Stage, abandoned: Abandoned) -> None:
    """Count the failure, once it is committed."""
    if abandoned.status == StageRunStatus.FAILED:
        measures.count_failure(stage.name, ATTEMPTS_EXHAUSTED, final=True)


def exhausted_message(attempt: int, last_error: str | None) -> str:
    """The error message of a stage run that has no attempt left."""
    last = f" The last error: {last_error}" if last_error else ""
    return f"Gave up after {attempt} {'attempt' if attempt == 1 else 'attempts'}.{last}"


def fail(
    session: Session,
    stage: Stage,
    claim: Claim,
    *,
    code: ErrorCode,
    message: str,
    clock: Clock,
    metrics: Mapping[str, float | str],
) -> AfterCommit:
    """Close the stage run as failed, without a further attempt. Raises `LeaseLost`."""
    run = fenced(session, claim)
    close_stage_run(
        session,
        claim.stage_run_id,
        clock,
        status=StageRunStatus.FAILED,
        error_code=code,
        error_message=message,
        metrics=dict(metrics),
        **own_trace(),
    )
    if stage.required or code in ENDS_RUN:
        mark_failed(session, run, stage.name, message, clock)
    return AfterCommit((), end_if_done(session, run, clock))


def abandon(
    session: Session, stage: Stage, run_id: int, stage_run_id: int, max_attempts: int, clock: Clock
) -> Abandoned | None:
    """End a stage run that may not begin (see `NotRunnable`) and has no live lease.

    It is `skipped` in a run that has failed or ended, else `failed`. None when it may begin after
    all: a worker holds it, or a retry gave it new attempts.
    """
    run = lock_run(session, run_id)
    if run is None:
        return None
    row = session.execute(
        select(StageRun.attempt, StageRun.error_code, StageRun.error_message)
        .where(
            StageRun.id == stage_run_id,
            (StageRun.status == StageRunStatus.QUEUED)
            | (
                (StageRun.status == StageRunStatus.RUNNING)
                & (StageRun.lease_expires_at <= clock.now())
            ),
        )
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    if is_closed(run):
        reason = f"{run.error_stage} failed" if run.error_stage else "the run has ended"
        close_stage_run(session, stage_run_id, clock, **not_begun(reason, clock))
        return Abandoned(StageRunStatus.SKIPPED, end_if_done(session, run, clock))
    if row.attempt < max_attempts:
        return None
    message = exhausted_message(row.attempt, row.error_message)
    close_stage_run(
        session,
        stage_run_id,
        clock,
        status=StageRunStatus.FAILED,
        error_code=ATTEMPTS_EXHAUSTED,
        error_message=message,
        metrics=StageRun.metrics.op("||")({LAST_ERROR_CODE: row.error_code or LEASE_EXPIRED}),
    )
    if stage.required:
        mark_failed(session, run, stage.name, message, clock)
    return Abandoned(StageRunStatus.FAILED, end_if_done(session, run, clock))


def record_orphan(
    session: Session,
    *,
    stage: str,
    subject: str,
    topic: str,
    message: Mapping[str, Any],
    code: ErrorCode,
    text: str,
) -> None:
    """Record a failure that belongs to no run, for `videomoments status` to show.

    A failure of the same stage and subject is counted as a further attempt.
    """
    error = {"error_code": code, "error_message": text, "traceparent": trace.traceparent()}
    inserted = session.execute(
        insert(StageRun)
        .values(
            stage=stage,
            subject=subject,
            topic=topic,
            message=dict(message),
            status=StageRunStatus.FAILED,
            attempt=1,
            **error,
        )
        .on_conflict_do_nothing()
        .returning(StageRun.id)
    ).one_or_none()
    if inserted is None:
        session.execute(
            update(StageRun)
            .where(StageRun.run_id.is_(None), StageRun.stage == stage, StageRun.subject == subject)
            .values(attempt=StageRun.attempt + literal(1), **error)
            .execution_options(synchronize_session=False)
        )
