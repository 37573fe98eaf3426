"""How a pipeline ends: decided under its row's lock, from its stage runs alone."""

from __future__ import annotations

from typing import Any

import structlog
from sqlalchemy import extract, func, select, update
from sqlalchemy.orm import Session

from shared.db.models import PipelineHistory, StageRun
from shared.error_codes.runs import PIPELINE_FAILED, SOURCE_GONE, SUPERSEDED
from shared.pipeline.clock import Clock

_log = structlog.get_logger(__name__)
UNFINISHED = ("queued", "running")
ENDS_PIPELINE = (SUPERSEDED, SOURCE_GONE)
RETRYABLE_STATUSES = ("failed", "partial")


def lock_pipeline(session: Session, pipeline_id: int) -> PipelineHistory | None:
    """The pipeline's row, locked; None when it was deleted.

    Always locked before a stage run, and before the video: whoever deletes a video locks its
    pipelines first, or waits for a finishing stage that waits for the video.
    """
    return session.execute(
        select(PipelineHistory)
        .where(PipelineHistory.id == pipeline_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def is_doomed(pipeline: PipelineHistory) -> bool:
    """True when nothing more is to be begun: it cannot succeed any more, or has ended."""
    return pipeline.error_stage is not None or pipeline.status != "running"


def not_begun(reason: str, clock: Clock) -> dict[str, Any]:
    """The values of a stage run that is left out until `reopen`."""
    return {
        "status": "skipped",
        "error_code": PIPELINE_FAILED,
        "error_message": f"Not begun, because {reason}.",
        "completed_at": clock.now(),
        "updated_at": clock.now(),
    }


def doom(
    session: Session, pipeline: PipelineHistory, stage: str, message: str, clock: Clock
) -> None:
    """The run cannot succeed any more: what is still queued is not begun."""
    if pipeline.error_stage is not None:
        return
    pipeline.error_stage = stage
    pipeline.error_message = message
    session.flush()
    session.execute(
        update(StageRun)
        .where(StageRun.pipeline_id == pipeline.id, StageRun.status == "queued")
        .values(not_begun(f"{stage} failed", clock))
        .execution_options(synchronize_session=False)
    )


def end_if_done(session: Session, pipeline: PipelineHistory, clock: Clock) -> bool:
    """Set the final status once no stage run is unfinished. True when the pipeline has ended."""
    if pipeline.status != "running":
        return False
    session.flush()
    unfinished = session.execute(
        select(func.count())
        .select_from(StageRun)
        .where(StageRun.pipeline_id == pipeline.id, StageRun.status.in_(UNFINISHED))
    ).scalar_one()
    if unfinished:
        return False
    status = _final_status(session, pipeline)
    session.execute(
        update(PipelineHistory)
        .where(PipelineHistory.id == pipeline.id)
        .values(
            status=status,
            completed_at=clock.now(),
            duration_seconds=extract("epoch", clock.now() - PipelineHistory.started_at),
            error_stage=pipeline.error_stage,
            error_message=pipeline.error_message,
        )
        .execution_options(synchronize_session=False)
    )
    # The deployment's alert on failed pipelines counts this line.
    _log.info("pipeline ended", status=status, error_stage=pipeline.error_stage)
    session.expire(pipeline)
    return True


def _final_status(session: Session, pipeline: PipelineHistory) -> str:
    failures = session.execute(
        select(StageRun.stage, StageRun.error_code, StageRun.error_message)
        .where(StageRun.pipeline_id == pipeline.id, StageRun.status == "failed")
        .order_by(StageRun.id)
    ).all()
    for code in ENDS_PIPELINE:
        if any(failure.error_code == code for failure in failures):
            return code
    if pipeline.error_stage is not None:
        return "failed"
    if not failures:
        return "completed"
    first = failures[0]
    pipeline.error_stage = first.stage
    pipeline.error_message = (
        first.error_message
        if len(failures) == 1
        else f"{first.error_message} (and {len(failures) - 1} more failed)"
    )
    return "partial"


def reopen(
    session: Session, pipeline: PipelineHistory, clock: Clock, *, stage: str | None = None
) -> int:
    """Queue again what failed (in that stage), and what was not begun because of it.

    Returns how many runs. What was completed stays. The caller holds the pipeline's lock and
    publishes afterwards.
    """
    failed = StageRun.status == "failed"
    if stage is not None:
        failed &= StageRun.stage == stage
    changed = session.execute(
        update(StageRun)
        .where(
            StageRun.pipeline_id == pipeline.id,
            failed | ((StageRun.status == "skipped") & (StageRun.error_code == PIPELINE_FAILED)),
        )
        .values(
            status="queued",
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
        pipeline.status = "running"
        pipeline.completed_at = None
        pipeline.duration_seconds = None
        pipeline.error_stage = None
        pipeline.error_message = None
        session.flush()
    return len(changed)
