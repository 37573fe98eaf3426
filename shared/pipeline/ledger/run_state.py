"""The begin, failure and end of a run: decided under its lock, from its stage runs alone."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import UNFINISHED, Run, RunStatus, StageRun, StageRunStatus
from shared.error_codes.runs import PIPELINE_FAILED, SOURCE_GONE, SUPERSEDED
from shared.pipeline.clock import Clock

_log = structlog.get_logger(__name__)
ENDS_RUN = {SUPERSEDED: RunStatus.SUPERSEDED, SOURCE_GONE: RunStatus.SOURCE_GONE}
"""A stage that fails with such a code ends the whole run with that status."""
RETRYABLE_STATUSES = (RunStatus.FAILED, RunStatus.PARTIAL)


def open_run(
    session: Session,
    *,
    identifier: str,
    kind: str,
    clock: Clock,
    pipeline_history_id: int | None = None,
) -> Run:
    """Insert a running run unless it exists, and return it locked.

    A run over a video passes the id of its row in pipeline_history, already inserted.
    """
    session.execute(
        insert(Run)
        .values(
            identifier=identifier,
            kind=kind,
            status=RunStatus.RUNNING,
            pipeline_history_id=pipeline_history_id,
            started_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )
    run_id = session.execute(select(Run.id).where(Run.identifier == identifier)).scalar_one()
    run = lock_run(session, run_id)
    if run is None:
        raise LookupError(f"the run {identifier} was deleted as it began")
    return run


def lock_run(session: Session, run_id: int) -> Run | None:
    """The run, locked together with its row in pipeline_history; None when it was deleted.

    Every transaction locks a run before its stage runs, and before the video. A deletion of the
    video does so too: otherwise it would hold the video while it waits for a finishing stage,
    which waits for the video.
    """
    locked = text("SELECT * FROM lock_run(:run_id)").bindparams(run_id=run_id)
    return session.execute(
        select(Run).from_statement(locked).execution_options(populate_existing=True)
    ).scalar_one_or_none()


def is_closed(run: Run) -> bool:
    """True when no further stage run may begin: the run has failed or has ended."""
    return run.error_stage is not None or run.status != RunStatus.RUNNING


def not_begun(reason: str, clock: Clock) -> dict[str, Any]:
    """The values of a stage run that is skipped until `reopen`."""
    return {
        "status": StageRunStatus.SKIPPED,
        "error_code": PIPELINE_FAILED,
        "error_message": f"Not begun, because {reason}.",
        "completed_at": clock.now(),
        "updated_at": clock.now(),
    }


def mark_failed(session: Session, run: Run, stage: str, message: str, clock: Clock) -> None:
    """Record why the run failed and skip its queued stage runs. The first failure counts."""
    if run.error_stage is not None:
        return
    run.error_stage = stage
    run.error_message = message
    session.flush()
    session.execute(
        update(StageRun)
        .where(StageRun.run_id == run.id, StageRun.status == StageRunStatus.QUEUED)
        .values(not_begun(f"{stage} failed", clock))
        .execution_options(synchronize_session=False)
    )


def end_if_done(session: Session, run: Run, clock: Clock) -> bool:
    """Set the final status once no stage run is unfinished. True when this call ended the run."""
    if run.status != RunStatus.RUNNING:
        return False
    session.flush()
    unfinished = session.execute(
        select(func.count())
        .select_from(StageRun)
        .where(StageRun.run_id == run.id, StageRun.status.in_(UNFINISHED))
    ).scalar_one()
    if unfinished:
        return False
    status = final_status(session, run)
    session.execute(
        update(Run)
        .where(Run.id == run.id)
        .values(
            status=status,
            completed_at=clock.now(),
            error_stage=run.error_stage,
            error_message=run.error_message,
        )
        .execution_options(synchronize_session=False)
    )
    # The deployment's alert on failed pipelines counts this line.
    _log.info("pipeline ended", status=status, error_stage=run.error_stage)
    session.expire(run)
    return True


def final_status(session: Session, run: Run) -> RunStatus:
    """The status in which the run ends, by the failures of its stage runs."""
    failures = session.execute(
        select(StageRun.stage, StageRun.error_code, StageRun.error_message)
        .where(StageRun.run_id == run.id, StageRun.status == StageRunStatus.FAILED)
        .order_by(StageRun.id)
    ).all()
    for code, status in ENDS_RUN.items():
        if any(failure.error_code == code for failure in failures):
            return status
    if run.error_stage is not None:
        return RunStatus.FAILED
    if not failures:
        return RunStatus.COMPLETED
    first = failures[0]
    run.error_stage = first.stage
    run.error_message = (
        first.error_message
        if len(failures) == 1
        else f"{first.error_message} (and {len(failures) - 1} more failed)"
    )
    return RunStatus.PARTIAL


def reopen(session: Session, run: Run, clock: Clock, *, stage: str | None = None) -> int:
    """Queue the failed stage runs (of that stage) again, and those skipped because of them.

    Returns how many. Completed stage runs stay. The caller holds the run's lock and publishes
    afterwards.
    """
    failed = StageRun.status == StageRunStatus.FAILED
    if stage is not None:
        failed &= StageRun.stage == stage
    not_begun = (StageRun.status == StageRunStatus.SKIPPED) & (
        StageRun.error_code == PIPELINE_FAILED
    )
    changed = session.execute(
        update(StageRun)
        .where(StageRun.run_id == run.id, failed | not_begun)
        .values(
            status=StageRunStatus.QUEUED,
            attempt=0,
            error_code=None,
            error_message=None,
            completed_at=None,
            available_at=clock.now(),
            queued_at=clock.now(),
            published_at=None,
            updated_at=clock.now(),
        )
        .returning(StageRun.id)
        .execution_options(synchronize_session=False)
    ).all()
    if changed:
        run.status = RunStatus.RUNNING
        run.completed_at = None
        run.error_stage = None
        run.error_message = None
        session.flush()
    return len(changed)
