"""The other end of a stage run: it failed for good, or is given up without being begun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import literal, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import StageRun
from shared.error_codes.error_code import ErrorCode
from shared.error_codes.runs import ATTEMPTS_EXHAUSTED, LEASE_EXPIRED
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.claim import Claim
from shared.pipeline.ledger.finish import Ended, close_run, fenced, own_trace
from shared.pipeline.ledger.pipeline_state import (
    ENDS_PIPELINE,
    doom,
    end_if_done,
    is_doomed,
    lock_pipeline,
    not_begun,
)
from shared.pipeline.stage import Stage
from shared.telemetry import measures, trace

LAST_ERROR_CODE = "last_error_code"
"""The key in `metrics` that keeps the code of the last attempt when none is left."""


@dataclass(frozen=True, slots=True)
class GivenUp:
    """How the run ended that was not begun, and whether its pipeline ended with it."""

    status: str
    pipeline_ended: bool


def tell_given_up(stage: Stage, ended: GivenUp) -> None:
    """Count it, once it is committed."""
    if ended.status == "failed":
        measures.failed(stage.name, ATTEMPTS_EXHAUSTED, final=True)


def gave_up(attempt: int, last_error: str | None) -> str:
    """The message of a run that failed because no attempt is left."""
    last = f" The last error: {last_error}" if last_error else ""
    return f"Gave up after {attempt} {'attempt' if attempt == 1 else 'attempts'}.{last}"


def fail(
    session: Session,
    stage: Stage,
    run: Claim,
    *,
    code: ErrorCode,
    message: str,
    clock: Clock,
    metrics: Mapping[str, float | str],
) -> Ended:
    """Close the run as failed for good. Raises `LeaseLost`."""
    pipeline = fenced(session, run)
    close_run(
        session,
        run.run_id,
        clock,
        status="failed",
        error_code=code,
        error_message=message,
        metrics=dict(metrics),
        **own_trace(),
    )
    if stage.required or code in ENDS_PIPELINE:
        doom(session, pipeline, stage.name, message, clock)
    return Ended((), end_if_done(session, pipeline, clock))


def give_up(
    session: Session, stage: Stage, pipeline_id: int, run_id: int, max_attempts: int, clock: Clock
) -> GivenUp | None:
    """End a run without a live lease that is not to be begun (see `Hopeless`).

    It is `skipped` in a pipeline that cannot succeed any more, else `failed`. None when there is
    no reason for either: somebody has it, or it was given new attempts.
    """
    pipeline = lock_pipeline(session, pipeline_id)
    if pipeline is None:
        return None
    run = session.execute(
        select(StageRun.attempt, StageRun.error_code, StageRun.error_message)
        .where(
            StageRun.id == run_id,
            (StageRun.status == "queued")
            | ((StageRun.status == "running") & (StageRun.lease_expires_at <= clock.now())),
        )
        .with_for_update()
    ).one_or_none()
    if run is None:
        return None
    if is_doomed(pipeline):
        reason = f"{pipeline.error_stage} failed" if pipeline.error_stage else "the run has ended"
        close_run(session, run_id, clock, **not_begun(reason, clock))
        return GivenUp("skipped", end_if_done(session, pipeline, clock))
    if run.attempt < max_attempts:
        return None
    message = gave_up(run.attempt, run.error_message)
    close_run(
        session,
        run_id,
        clock,
        status="failed",
        error_code=ATTEMPTS_EXHAUSTED,
        error_message=message,
        metrics=StageRun.metrics.op("||")({LAST_ERROR_CODE: run.error_code or LEASE_EXPIRED}),
    )
    if stage.required:
        doom(session, pipeline, stage.name, message, clock)
    return GivenUp("failed", end_if_done(session, pipeline, clock))


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
    """Make a failure visible which belongs to no pipeline: seen by `videomoments status`."""
    statement = insert(StageRun).values(
        pipeline_id=None,
        stage=stage,
        subject=subject,
        topic=topic,
        message=dict(message),
        status="failed",
        attempt=1,
        error_code=code,
        error_message=text,
        traceparent=trace.traceparent(),
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["pipeline_id", "stage", "subject"],
            set_={
                "error_code": statement.excluded.error_code,
                "error_message": statement.excluded.error_message,
                "traceparent": statement.excluded.traceparent,
                "attempt": StageRun.attempt + literal(1),
            },
        )
    )
