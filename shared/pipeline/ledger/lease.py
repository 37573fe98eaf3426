"""Keeping a stage run, and giving it back unfinished: only while the lease is still ours."""

from __future__ import annotations

from typing import Any, cast

from sqlalchemy import CursorResult, Result, update
from sqlalchemy.orm import Session

from shared.db.models import StageRun
from shared.error_codes.error_code import ErrorCode
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.claim import Claim
from shared.settings.runtime import MAX_BACKOFF_SECONDS, RuntimeSettings


def renew(session: Session, run: Claim, *, policy: RuntimeSettings, clock: Clock) -> bool:
    """Lengthen the lease; False when it is no longer ours."""
    result = session.execute(
        update(StageRun)
        .where(StageRun.id == run.run_id, StageRun.lease_token == run.token)
        .values(lease_expires_at=clock.after(policy.lease_seconds), updated_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    return _changed_one(result)


def release(
    session: Session,
    run: Claim,
    code: ErrorCode,
    message: str,
    *,
    policy: RuntimeSettings,
    clock: Clock,
    counted: bool = True,
    least_wait_seconds: float = 0.0,
) -> bool:
    """Give the run back after a transient error, due after the backoff; False when it is lost.

    An attempt that is not `counted` brings the run no nearer to its limit. It waits for
    `least_wait_seconds` where that is longer, yet never longer than the longest backoff.
    """
    backoff = policy.backoff_seconds(run.attempt)
    wait = max(backoff, min(least_wait_seconds, MAX_BACKOFF_SECONDS))
    result = session.execute(
        update(StageRun)
        .where(StageRun.id == run.run_id, StageRun.lease_token == run.token)
        .values(
            status="queued",
            attempt=run.attempt if counted else run.attempt - 1,
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
