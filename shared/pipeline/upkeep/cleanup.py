"""What a run needed only while it ran is deleted when it has ended.

A failed run keeps it for a while, so that a retry redoes only what failed.
"""

from __future__ import annotations

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, select, update

from shared.db.models import PipelineHistory, StageRun
from shared.domain.names import temporary_folder
from shared.error_codes.runs import PIPELINE_FAILED
from shared.pipeline.context import Context
from shared.pipeline.ledger.pipeline_state import lock_pipeline

_log = structlog.get_logger(__name__)


def clean_up(context: Context, pipeline_id: int) -> bool:
    """Delete the temporary objects of an ended run, then the results its siblings left.

    In this order: a result still there tells the sweep that the run was not cleaned up. Does
    nothing while the run may still need them. Errors are logged and left to the sweep. True when
    all is gone.
    """
    try:
        with context.session() as session:
            identifier = session.execute(
                select(PipelineHistory.identifier).where(
                    PipelineHistory.id == pipeline_id, is_due(context)
                )
            ).scalar_one_or_none()
        if identifier is None:
            return False
        # Listed first: a retry that begins meanwhile must not lose what it stores.
        folder = temporary_folder(context.derived_url, identifier)
        urls = [stat.url for stat in context.storage.list(folder)]
        if not _give_up_results(context, pipeline_id):
            return False
        for url in urls:
            context.storage.delete(url)
        _forget_results(context, pipeline_id)
    except Exception as error:
        _log.warning("clean-up is left to the sweep", error=str(error))
        return False
    return True


def not_cleaned_up(context: Context, limit: int = 100) -> list[int]:
    """Ended pipelines whose temporary objects may still be there, and are not needed any more."""
    with context.session() as session:
        return list(
            session.execute(
                select(PipelineHistory.id)
                .where(
                    is_due(context),
                    exists().where(
                        StageRun.pipeline_id == PipelineHistory.id, StageRun.result.is_not(None)
                    ),
                )
                # In any order: those that cannot be cleaned up hold up no others.
                .order_by(func.random())
                .limit(limit)
            ).scalars()
        )


def is_due(context: Context) -> ColumnElement[bool]:
    """Of pipelines: ended, and nothing temporary is kept for a retry any more."""
    kept_since = context.clock.after(-context.policy.keep_failed_seconds)
    return PipelineHistory.status.not_in(("running", "failed")) | (
        (PipelineHistory.status == "failed") & (PipelineHistory.completed_at <= kept_since)
    )


def _give_up_results(context: Context, pipeline_id: int) -> bool:
    """Let a retry of a failed run redo what left a result. False when the run goes on again.

    What those stage runs emitted is deleted with them: it may be other work the next time.
    """
    with context.session() as session, session.begin():
        pipeline = lock_pipeline(session, pipeline_id)
        if pipeline is None or pipeline.status == "running":
            return False
        if pipeline.status != "failed":
            return True
        with_result = (StageRun.pipeline_id == pipeline_id) & StageRun.result.is_not(None)
        parents = select(StageRun.id).where(with_result).scalar_subquery()
        session.execute(
            delete(StageRun)
            .where(StageRun.pipeline_id == pipeline_id, StageRun.parent_id.in_(parents))
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(StageRun)
            .where(with_result)
            .values(
                status="skipped",
                error_code=PIPELINE_FAILED,
                error_message="What it had left for the next stage is no longer kept.",
                updated_at=context.clock.now(),
            )
            .execution_options(synchronize_session=False)
        )
    return True


def _forget_results(context: Context, pipeline_id: int) -> None:
    with context.session() as session, session.begin():
        pipeline = lock_pipeline(session, pipeline_id)
        if pipeline is None or pipeline.status == "running":
            return
        left = (StageRun.pipeline_id == pipeline_id) & StageRun.result.is_not(None)
        if pipeline.status == "failed":
            # What a retry has left since then is still needed.
            left &= StageRun.status != "completed"
        session.execute(
            update(StageRun)
            .where(left)
            .values(result=None)
            .execution_options(synchronize_session=False)
        )
