"""The history of pipelines over videos: the row beside each run over a video."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import PipelineHistory, Run, RunStatus
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.run_state import open_run


def open_video_run(
    session: Session,
    *,
    identifier: str,
    video_id: int,
    generation_config_id: int,
    pipeline_type: str,
    clock: Clock,
) -> Run:
    """Insert the run and its row in pipeline_history unless they exist. Returns the run, locked."""
    session.execute(
        insert(PipelineHistory)
        .values(
            identifier=identifier,
            video_id=video_id,
            generation_config_id=generation_config_id,
            pipeline_type=pipeline_type,
            status=RunStatus.RUNNING,
            started_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )
    history_id = session.execute(
        select(PipelineHistory.id).where(PipelineHistory.identifier == identifier)
    ).scalar_one()
    return open_run(
        session,
        identifier=identifier,
        kind=pipeline_type,
        clock=clock,
        pipeline_history_id=history_id,
    )


def count_moments(session: Session, run_id: int, number: int) -> None:
    """Store how many moments the run generated. The caller holds the run's lock."""
    _update(session, run_id, total_moments_generated=number)


def count_clip(session: Session, run_id: int) -> None:
    """Count one more clip of the run. The caller holds the run's lock."""
    before = func.coalesce(PipelineHistory.total_clips_created, 0)
    _update(session, run_id, total_clips_created=before + 1)


def _update(session: Session, run_id: int, **values: Any) -> None:
    history_id = select(Run.pipeline_history_id).where(Run.id == run_id).scalar_subquery()
    session.execute(
        update(PipelineHistory)
        .where(PipelineHistory.id == history_id)
        .values(**values)
        .execution_options(synchronize_session=False)
    )
