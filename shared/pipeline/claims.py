"""Taking a stage run, keeping it, giving it back: the first half of a run's life in the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, Result, Row, literal, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import PipelineHistory, StageRun
from shared.messages import Message
from shared.pipeline.clock import Clock
from shared.pipeline.policy import Policy
from shared.pipeline.stage import Stage


@dataclass(frozen=True, slots=True)
class PipelineFacts:
    """What a stage needs to know of its pipeline; it does not change while the pipeline runs."""

    id: int
    identifier: str
    pipeline_type: str
    video_id: int
    generation_config_id: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The run is ours until the lease ends; `token` is the fence for all we write."""

    run_id: int
    token: uuid.UUID
    attempt: int
    pipeline: PipelineFacts


@dataclass(frozen=True, slots=True)
class Finished:
    """The run ended before. `run_id` finds what it emitted, which may have to be sent again."""

    run_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker's lease is live."""


@dataclass(frozen=True, slots=True)
class Exhausted:
    """No attempt is left; the run has to be failed."""

    run_id: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing to do, and `reason` why."""

    reason: str


def claim(
    session: Session,
    stage: Stage,
    message: Message,
    pipeline: str,
    *,
    owner: str,
    policy: Policy,
    clock: Clock,
) -> Claim | Finished | Busy | Exhausted | Ignored:
    """Take the run if it is queued, or its lease expired, or it is new to a running pipeline."""
    found = session.execute(
        select(PipelineHistory).where(PipelineHistory.identifier == pipeline)
    ).scalar_one_or_none()
    if found is None:
        return Ignored(f"there is no pipeline {pipeline}")
    if found.pipeline_type not in stage.pipeline_types:
        return Ignored(f"a {found.pipeline_type} run has no {stage.name}")
    run = _locked_run(session, found.id, stage, message, clock)
    if run is None:
        run = _new_run(session, found.id, stage, message, clock)
    if run is None:
        return Ignored(f"the pipeline has ended: {found.status}")
    if run.status not in {"queued", "running"}:
        return Finished(run.id, run.status)
    if run.status == "running" and run.is_live:
        return Busy()
    if run.attempt >= policy.max_attempts:
        return Exhausted(run.id, run.attempt)
    token = uuid.uuid4()
    session.execute(
        update(StageRun)
        .where(StageRun.id == run.id)
        .values(
            status="running",
            attempt=run.attempt + 1,
            lease_token=token,
            lease_owner=owner,
            lease_expires_at=clock.after(policy.lease_seconds),
            started_at=clock.now(),
            updated_at=clock.now(),
        )
    )
    facts = PipelineFacts(
        found.id,
        found.identifier,
        found.pipeline_type,
        found.video_id,
        found.generation_config_id,
    )
    return Claim(run.id, token, run.attempt + 1, facts)


def _locked_run(
    session: Session, pipeline_id: int, stage: Stage, message: Message, clock: Clock
) -> Row[int, str, int, bool] | None:
    is_live = (StageRun.lease_expires_at > clock.now()).label("is_live")
    return session.execute(
        select(StageRun.id, StageRun.status, StageRun.attempt, is_live)
        .where(
            StageRun.pipeline_id == pipeline_id,
            StageRun.stage == stage.name,
            StageRun.subject == message.subject,
        )
        .with_for_update()
    ).one_or_none()


def _new_run(
    session: Session, pipeline_id: int, stage: Stage, message: Message, clock: Clock
) -> Row[int, str, int, bool] | None:
    """A message nobody queued, as a person may publish it: only a running pipeline takes it.

    The pipeline's lock keeps its end from being decided meanwhile.
    """
    status = session.execute(
        select(PipelineHistory.status).where(PipelineHistory.id == pipeline_id).with_for_update()
    ).scalar_one_or_none()
    if status != "running":
        return None
    queue(session, pipeline_id, stage, message, parent_id=None, clock=clock)
    return _locked_run(session, pipeline_id, stage, message, clock)


def queue(
    session: Session,
    pipeline_id: int,
    stage: Stage,
    message: Message,
    *,
    parent_id: int | None,
    clock: Clock,
    doomed: bool = False,
) -> None:
    """Insert the run as `queued`, unless it is there; as not to be begun in a doomed pipeline."""
    session.execute(
        insert(StageRun)
        .values(
            pipeline_id=pipeline_id,
            stage=stage.name,
            subject=message.subject,
            topic=message.topic,
            message=message.model_dump(mode="json"),
            parent_id=parent_id,
            status="skipped" if doomed else "queued",
            error_code="pipeline_failed" if doomed else None,
            available_at=clock.now(),
            queued_at=clock.now(),
        )
        .on_conflict_do_nothing()
    )


def renew(session: Session, run: Claim, *, policy: Policy, clock: Clock) -> bool:
    """Lengthen the lease; False when it is no longer ours."""
    result = session.execute(
        update(StageRun)
        .where(StageRun.id == run.run_id, StageRun.lease_token == run.token)
        .values(lease_expires_at=clock.after(policy.lease_seconds), updated_at=clock.now())
    )
    return rows_changed(result) == 1


def release(
    session: Session, run: Claim, code: str, message: str, *, policy: Policy, clock: Clock
) -> bool:
    """Give the run back after a transient error, due after the backoff; False when it is lost."""
    result = session.execute(
        update(StageRun)
        .where(StageRun.id == run.run_id, StageRun.lease_token == run.token)
        .values(
            status="queued",
            lease_token=None,
            lease_owner=None,
            lease_expires_at=None,
            error_code=code,
            error_message=message,
            available_at=clock.after(policy.backoff_seconds(run.attempt)),
            updated_at=clock.now(),
        )
    )
    return rows_changed(result) == 1


def rows_changed(result: Result[Any]) -> int:
    """How many rows a statement changed."""
    return cast("CursorResult[Any]", result).rowcount


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
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["pipeline_id", "stage", "subject"],
            set_={
                "error_code": statement.excluded.error_code,
                "error_message": statement.excluded.error_message,
                "attempt": StageRun.attempt + literal(1),
            },
        )
    )
