"""Failures that belong to no pipeline, kept in the ledger where people look for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import StageRun
from shared.telemetry import trace


def record_orphan(
    session: Session,
    *,
    stage: str,
    subject: str,
    topic: str,
    message: Mapping[str, Any],
    code: str,
    text: str,
) -> None:
    """Make a failure visible which belongs to no pipeline: seen by `videomoments status`."""
    statement = insert(StageRun).values(
        pipeline_id=None,
        stage=stage,
        subject=subject,
        topic=topic,
        message=dict(message),
        status="failed",
        attempt=1,
        error_code=code,
        error_message=text,
        traceparent=trace.traceparent(),
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["pipeline_id", "stage", "subject"],
            set_={
                "error_code": statement.excluded.error_code,
                "error_message": statement.excluded.error_message,
                "traceparent": statement.excluded.traceparent,
                "attempt": StageRun.attempt + literal(1),
            },
        )
    )
