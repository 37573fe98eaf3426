"""What a run needed only while it ran is deleted when it has ended."""

from __future__ import annotations

import structlog
from sqlalchemy import exists, select, update

from shared.db.models import PipelineHistory, StageRun
from shared.domain.names import temporary_folder
from shared.pipeline.context import Context

_log = structlog.get_logger(__name__)


def clean_up(context: Context, pipeline_id: int) -> None:
    """Delete the run's temporary objects, then the results its siblings left for one another.

    In this order: a result still there tells the sweep that the run was not cleaned up. Errors
    are logged and left to the sweep.
    """
    try:
        with context.session() as session:
            identifier = session.execute(
                select(PipelineHistory.identifier).where(PipelineHistory.id == pipeline_id)
            ).scalar_one_or_none()
        if identifier is None:
            return
        for stat in list(context.storage.list(temporary_folder(context.derived_url, identifier))):
            context.storage.delete(stat.url)
        with context.session() as session, session.begin():
            session.execute(
                update(StageRun)
                .where(StageRun.pipeline_id == pipeline_id, StageRun.result.is_not(None))
                .values(result=None)
            )
    except Exception as error:
        _log.warning("clean-up is left to the sweep", error=str(error))


def not_cleaned_up(context: Context, limit: int = 100) -> list[int]:
    """Ended pipelines whose temporary objects may still be there."""
    with context.session() as session:
        return list(
            session.execute(
                select(PipelineHistory.id)
                .where(
                    PipelineHistory.status != "running",
                    exists().where(
                        StageRun.pipeline_id == PipelineHistory.id, StageRun.result.is_not(None)
                    ),
                )
                .order_by(PipelineHistory.id)
                .limit(limit)
            ).scalars()
        )
