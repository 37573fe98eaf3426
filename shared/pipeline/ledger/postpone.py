"""A message that came too early waits for what it names: the order of messages is not ours."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shared.db.models import StageRun
from shared.error_codes.runs import TOO_EARLY
from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import Claim
from shared.pipeline.ledger.finish import fenced
from shared.pipeline.ledger.lease import release
from shared.pipeline.ledger.pipeline_state import UNFINISHED
from shared.pipeline.stage import Stage
from shared.pipeline.topology import Topology

_COMMIT_TIME = timedelta(seconds=60)
"""A finish dates itself before it commits: until then a look does not see what it brings."""


def give_back_if_early(context: Context, stage: Stage, run: Claim, message: str) -> bool:
    """Give the run back, its attempt uncounted, if what it misses may still come.

    That is so while a run of a stage before it is unfinished, or if one has finished since this
    attempt began or just before it, which may have looked too soon. Raises `LeaseLost`.
    """
    with context.session() as session, session.begin():
        fenced(session, run)
        early = _may_come(session, stage, run, context.topology)
        if early:
            policy, clock = context.policy, context.clock
            release(session, run, TOO_EARLY, message, policy=policy, clock=clock, counted=False)
    return early


def _may_come(session: Session, stage: Stage, run: Claim, topology: Topology) -> bool:
    began = select(StageRun.started_at).where(StageRun.id == run.run_id).scalar_subquery()
    seen_since = began - _COMMIT_TIME
    may_come = session.execute(
        select(
            exists().where(
                StageRun.pipeline_id == run.pipeline.id,
                StageRun.id != run.run_id,
                StageRun.stage.in_(topology.before(stage)),
                StageRun.status.in_(UNFINISHED) | (StageRun.completed_at >= seen_since),
            )
        )
    ).scalar_one()
    return bool(may_come)
