"""Queueing a stage run and taking it: the first half of a run's life in the ledger."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, case, extract, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import PipelineHistory, StageRun
from shared.error_codes.runs import ASKED_TO_WAIT, LEASE_EXPIRED
from shared.messages.base import Message
from shared.messaging.delivery import Ignored
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.pipeline_state import UNFINISHED, is_doomed, lock_pipeline, not_begun
from shared.pipeline.stage import Stage
from shared.settings.runtime import RuntimeSettings
from shared.telemetry import trace

"""A server said when to come back: a message that is delivered before that is refused."""


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
    """The run is ours until the lease ends; `token` is the fence for all we write.

    `queued_seconds`: how long it had been due. `traceparent`: the span it was queued in.
    """

    run_id: int
    token: uuid.UUID
    attempt: int
    pipeline: PipelineFacts
    queued_seconds: float = 0.0
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """The run ended before. `run_id` finds what it emitted, which may have to be sent again."""

    run_id: int
    status: str


@dataclass(frozen=True, slots=True)
class Busy:
    """Another worker's lease is live, or the run waits until a server will answer it."""


@dataclass(frozen=True, slots=True)
class Hopeless:
    """Not to be begun: no attempt is left, or its pipeline cannot succeed any more."""

    run_id: int
    pipeline_id: int


def claim(
    session: Session,
    stage: Stage,
    message: Message,
    pipeline: str,
    *,
    owner: str,
    policy: RuntimeSettings,
    clock: Clock,
) -> Claim | Finished | Busy | Hopeless | Ignored:
    """Take the run if it is queued, or its lease expired, or it is new to a running pipeline.

    Locks the run's row only, except for a new run: there the pipeline's comes first, as always.
    """
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
        return Ignored("the pipeline has ended, or is about to, or was deleted")
    if run.status not in UNFINISHED:
        return Finished(run.id, run.status)
    if run.is_resting or (run.status == "running" and run.is_live):
        return Busy()
    if run.attempt >= policy.max_attempts or is_doomed(found):
        return Hopeless(run.id, found.id)
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
    waited = max(0.0, float(run.waited))
    return Claim(run.id, token, run.attempt + 1, facts, waited, run.traceparent)


def _locked_run(
    session: Session, pipeline_id: int, stage: Stage, message: Message, clock: Clock
) -> Any:
    is_live = (StageRun.lease_expires_at > clock.now()).label("is_live")
    resting = and_(
        StageRun.status == "queued",
        StageRun.error_code == ASKED_TO_WAIT,
        StageRun.available_at > clock.now(),
    ).label("is_resting")
    waited = extract("epoch", clock.now() - due_at()).label("waited")
    return session.execute(
        select(
            StageRun.id,
            StageRun.status,
            StageRun.attempt,
            StageRun.traceparent,
            is_live,
            resting,
            waited,
        )
        .where(
            StageRun.pipeline_id == pipeline_id,
            StageRun.stage == stage.name,
            StageRun.subject == message.subject,
        )
        .with_for_update()
    ).one_or_none()


def due_at() -> ColumnElement[datetime]:
    """Since when an unfinished run waits for a worker, in SQL."""
    return case(
        (StageRun.status == "running", StageRun.lease_expires_at),
        # The sweep dates what it frees back, so as to publish it at once.
        (StageRun.error_code == LEASE_EXPIRED, StageRun.updated_at),
        else_=StageRun.available_at,
    )


def _new_run(
    session: Session, pipeline_id: int, stage: Stage, message: Message, clock: Clock
) -> Any:
    """A message nobody queued, as a person may publish it: only a running pipeline takes it.

    The pipeline's lock keeps its end from being decided meanwhile.
    """
    pipeline = lock_pipeline(session, pipeline_id)
    if pipeline is None or is_doomed(pipeline):
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
) -> bool:
    """Insert the run as `queued`, or as not to be begun in a doomed pipeline.

    False when it is there already, whatever became of it. The caller holds the pipeline's lock.
    """
    values = {
        "pipeline_id": pipeline_id,
        "stage": stage.name,
        "subject": message.subject,
        "topic": message.topic,
        "message": message.model_dump(mode="json"),
        "parent_id": parent_id,
        "status": "queued",
        "available_at": clock.now(),
        "queued_at": clock.now(),
        # What nobody emitted is at work already: should it have to be begun anew, then where it
        # came from.
        "traceparent": trace.origin() if parent_id is None else trace.traceparent(),
    }
    if doomed:
        values |= not_begun("the run had failed already", clock)
    inserted = session.execute(
        insert(StageRun).values(values).on_conflict_do_nothing().returning(StageRun.id)
    ).one_or_none()
    return inserted is not None
