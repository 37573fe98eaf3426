"""Postpone a message that arrived before the row it names: a broker keeps no order."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from shared.db.models import UNFINISHED, StageRun
from shared.error_codes.runs import TOO_EARLY
from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import Claim
from shared.pipeline.ledger.finish import fenced
from shared.pipeline.ledger.lease import release
from shared.pipeline.stage import Stage
from shared.pipeline.topology import Topology

_COMMIT_TIME = timedelta(seconds=60)
"""`completed_at` is set before the commit, so a reader may miss a stage run that has finished."""


def postpone_if_early(context: Context, stage: Stage, claim: Claim, message: str) -> bool:
    """Requeue the stage run without counting the attempt, if the missing row may still appear.

    It may while a stage run of an earlier stage is unfinished, or when one has finished since
    shortly before this attempt began. Raises `LeaseLost`.
    """
    with context.session() as session, session.begin():
        fenced(session, claim)
        early = _may_come(session, stage, claim, context.topology)
        if early:
            policy, clock = context.policy, context.clock
            release(session, claim, TOO_EARLY, message, policy=policy, clock=clock, counted=False)
    return early


def _may_come(session: Session, stage: Stage, claim: Claim, topology: Topology) -> bool:
    began = select(StageRun.started_at).where(StageRun.id == claim.stage_run_id).scalar_subquery()
    seen_since = began - _COMMIT_TIME
    may_come = session.execute(
        select(
            exists().where(
                StageRun.run_id == claim.run.id,
                StageRun.id != claim.stage_run_id,
                StageRun.stage.in_(topology.before(stage)),
                StageRun.status.in_(UNFINISHED) | (StageRun.completed_at >= seen_since),
            )
        )
    ).scalar_one()
    return bool(may_come)
