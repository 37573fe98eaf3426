"""Facts of stage runs from the ledger, for people and as JSON: state, attempt, time, bytes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import Run, StageRun, StageRunStatus
from shared.domain.documents import Json
from shared.pipeline.clock import Clock


def stages_of(session: Session, identifier: str) -> list[Json]:
    """Every stage run of a run, in queueing order."""
    rows = session.execute(
        select(StageRun)
        .join(Run, Run.id == StageRun.run_id)
        .where(Run.identifier == identifier)
        .order_by(StageRun.id)
    ).scalars()
    now = database_time(session)
    return [stage_json(row, now) for row in rows]


def failures_outside(session: Session) -> list[Json]:
    """Failures outside any run: unreadable messages, and messages without a source."""
    rows = session.execute(
        select(StageRun).where(StageRun.run_id.is_(None)).order_by(StageRun.id)
    ).scalars()
    now = database_time(session)
    return [stage_json(row, now) for row in rows]


def database_time(session: Session) -> datetime:
    """The database's time, which leases and due times refer to."""
    return session.execute(select(Clock().now())).scalar_one()


def stage_json(row: StageRun, now: datetime) -> Json:
    """One stage run. `waited_seconds` and `lease_seconds_left` refer to now."""
    return {
        "stage": row.stage,
        "subject": row.subject,
        "status": row.status,
        "attempt": row.attempt,
        "error_code": row.error_code,
        "error_message": row.error_message,
        "metrics": row.metrics,
        "seconds": _seconds(row, now),
        "bytes_read": int(row.metrics.get("bytes_read", 0)),
        "bytes_written": int(row.metrics.get("bytes_written", 0)),
        "queued_at": _iso(row.queued_at),
        "started_at": _iso(row.started_at),
        "completed_at": _iso(row.completed_at),
        "waited_seconds": _since(row.available_at, now)
        if row.status == StageRunStatus.QUEUED
        else None,
        "lease_seconds_left": -_since(row.lease_expires_at, now) if row.lease_expires_at else None,
    }


def _seconds(row: StageRun, now: datetime) -> float | None:
    """Seconds of the last or current attempt."""
    if row.status == StageRunStatus.RUNNING and row.started_at is not None:
        return _since(row.started_at, now)
    spent = row.metrics.get("seconds")
    if spent is not None or row.started_at is None or row.completed_at is None:
        return spent
    return _since(row.started_at, row.completed_at)


def _since(then: datetime, now: datetime) -> float:
    return round((now - then).total_seconds(), 3)


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time is not None else None
