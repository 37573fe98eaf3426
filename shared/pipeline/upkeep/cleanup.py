"""Delete the temporary objects and results of a run once it has ended.

A failed run keeps them for a while, so that a retry redoes only the failed stage runs.
"""

from __future__ import annotations

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, select, update

from shared.db.models import Run, RunStatus, StageRun, StageRunStatus
from shared.domain.names import temporary_folder
from shared.error_codes.runs import PIPELINE_FAILED
from shared.pipeline.context import Context
from shared.pipeline.ledger.run_state import lock_run

_log = structlog.get_logger(__name__)


def clean_up(context: Context, run_id: int) -> bool:
    """Delete the temporary objects of an ended run, then the results of its stage runs.

    In this order: a result that is left tells the sweep that the run was not cleaned up. Does
    nothing while the run may still need them. Logs errors and leaves them to the sweep. True when
    everything is deleted.
    """
    try:
        with context.session() as session:
            identifier = session.execute(
                select(Run.identifier).where(Run.id == run_id, is_due(context))
            ).scalar_one_or_none()
        if identifier is None:
            return False
        # Listed first: a retry that begins meanwhile must not lose what it stores.
        folder = temporary_folder(context.derived_url, identifier)
        urls = [stat.url for stat in context.storage.list(folder)]
        if not _discard_results(context, run_id):
            return False
        for url in urls:
            context.storage.delete(url)
        _forget_results(context, run_id)
    except Exception as error:
        _log.warning("clean-up is left to the sweep", error=str(error))
        return False
    return True


def not_cleaned_up(context: Context, limit: int = 100) -> list[int]:
    """Ids of ended runs whose temporary objects may exist but are no longer needed."""
    with context.session() as session:
        return list(
            session.execute(
                select(Run.id)
                .where(
                    is_due(context),
                    exists().where(StageRun.run_id == Run.id, StageRun.result.is_not(None)),
                )
                # In random order, so that runs that cannot be cleaned up do not hold up others.
                .order_by(func.random())
                .limit(limit)
            ).scalars()
        )


def is_due(context: Context) -> ColumnElement[bool]:
    """Whether a run has ended and no longer keeps temporary objects for a retry, in SQL."""
    kept_since = context.clock.after(-context.policy.keep_failed_seconds)
    return Run.status.not_in((RunStatus.RUNNING, RunStatus.FAILED)) | (
        (Run.status == RunStatus.FAILED) & (Run.completed_at <= kept_since)
    )


def _discard_results(context: Context, run_id: int) -> bool:
    """Let a retry of a failed run redo the stage runs that left a result.

    Their children are deleted: the next attempt may emit other messages. False when the run is
    running again.
    """
    with context.session() as session, session.begin():
        run = lock_run(session, run_id)
        if run is None or run.status == RunStatus.RUNNING:
            return False
        if run.status != RunStatus.FAILED:
            return True
        with_result = (StageRun.run_id == run_id) & StageRun.result.is_not(None)
        parents = select(StageRun.id).where(with_result).scalar_subquery()
        session.execute(
            delete(StageRun)
            .where(StageRun.run_id == run_id, StageRun.parent_id.in_(parents))
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(StageRun)
            .where(with_result)
            .values(
                status=StageRunStatus.SKIPPED,
                error_code=PIPELINE_FAILED,
                error_message="Its results for the next stage have been deleted.",
                updated_at=context.clock.now(),
            )
            .execution_options(synchronize_session=False)
        )
    return True


def _forget_results(context: Context, run_id: int) -> None:
    with context.session() as session, session.begin():
        run = lock_run(session, run_id)
        if run is None or run.status == RunStatus.RUNNING:
            return
        left = (StageRun.run_id == run_id) & StageRun.result.is_not(None)
        if run.status == RunStatus.FAILED:
            # A later retry still needs the results that an earlier one has left since.
            left &= StageRun.status != StageRunStatus.COMPLETED
        session.execute(
            update(StageRun)
            .where(left)
            .values(result=None)
            .execution_options(synchronize_session=False)
        )
