"""Renew or release a lease. Both fail once another worker holds it."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, Result, update
from sqlalchemy.orm import Session

from shared.db.models import StageRun, StageRunStatus
from shared.error_codes.error_code import ErrorCode
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.claim import Claim
from shared.settings.runtime import MAX_BACKOFF_SECONDS, RuntimeSettings


def renew(session: Session, claim: Claim, *, policy: RuntimeSettings, clock: Clock) -> bool:
    """Extend the lease; False when another worker holds it."""
    result = session.execute(
        update(StageRun)
        .where(StageRun.id == claim.stage_run_id, StageRun.lease_token == claim.token)
        .values(lease_expires_at=clock.after(policy.lease_seconds), updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    return _changed_one(result)


def release(
    session: Session,
    claim: Claim,
    code: ErrorCode,
    message: str,
    *,
    policy: RuntimeSettings,
    clock: Clock,
    counted: bool = True,
    least_wait_seconds: float = 0.0,
) -> bool:
    """Requeue the stage run after a transient error; False when another worker holds it.

    It is due after the backoff, or after `least_wait_seconds` where that is longer, but never
    later than the longest backoff. An attempt that is not `counted` leaves the limit as far away
    as before.
    """
    backoff = policy.backoff_seconds(claim.attempt)
    wait = max(backoff, min(least_wait_seconds, MAX_BACKOFF_SECONDS))
    result = session.execute(
        update(StageRun)
        .where(StageRun.id == claim.stage_run_id, StageRun.lease_token == claim.token)
        .values(
            status=StageRunStatus.QUEUED,
            attempt=claim.attempt if counted else claim.attempt - 1,
            lease_token=None,
            lease_owner=None,
            lease_expires_at=None,
            error_code=code,
            error_message=message,
            available_at=clock.after(wait),
            updated_at=clock.now(),
        )
        .execution_options(synchronize_session=False)
    )
    return _changed_one(result)


def _changed_one(result: Result[Any]) -> bool:
    return cast("CursorResult[Any]", result).rowcount == 1
