"""Finish a stage run: its results, its messages and the state of its run, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from shared.db.models import UNFINISHED, Run, StageRun, StageRunStatus
from shared.error_codes.runs import NOTHING_TO_DO
from shared.errors import LeaseLost
from shared.messages.base import Message
from shared.messaging.outgoing import outgoing
from shared.messaging.protocol import Outgoing
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.claim import Claim, queue
from shared.pipeline.ledger.run_state import end_if_done, is_closed, lock_run
from shared.pipeline.stage import Stage
from shared.pipeline.topology import Topology
from shared.telemetry import spans, trace


@dataclass(slots=True)
class Completion:
    """The results of a stage. The run stays locked while this is open, so be short."""

    session: Session
    run: Run
    stage: Stage
    claim: Claim
    topology: Topology
    result: Any = None
    emitted: list[Message] = field(default_factory=list)

    def add(self, row: object) -> None:
        """Insert a row."""
        self.session.add(row)

    def emit(self, message: Message) -> None:
        """Queue the message for its consumers. Raises TypeError if the stage never declared it."""
        if type(message) not in self.stage.emits:
            raise TypeError(f"{self.stage.name} does not declare {type(message).__name__}")
        self.emitted.append(message)

    def is_last_sibling(self) -> bool:
        """True when every other stage run of this stage in this run has ended: the fan-in.

        Correct because the run is locked: of the last two siblings, exactly one sees itself as
        the last. Never true in a failed run: a retry redoes the missing siblings, and the last
        of them is the last sibling.
        """
        if is_closed(self.run):
            return False
        others = self.session.execute(
            select(func.count())
            .select_from(StageRun)
            .where(*self._siblings(), StageRun.status.in_(UNFINISHED))
        ).scalar_one()
        if others:
            return False
        self._link_siblings()
        return True

    def sibling_results(self) -> list[Any]:
        """The results of the completed stage runs of this stage, this one's included."""
        results = self.session.execute(
            select(StageRun.result)
            .where(*self._siblings(), StageRun.status == StageRunStatus.COMPLETED)
            .order_by(StageRun.id)
        ).scalars()
        return [result for result in [*results, self.result] if result is not None]

    def _link_siblings(self) -> None:
        """Link this span to its siblings' spans: its parent is only the span that queued it."""
        if not spans.is_recording():
            return
        siblings = self.session.execute(
            select(StageRun.traceparent).where(*self._siblings()).order_by(StageRun.id)
        ).scalars()
        for traceparent in siblings:
            spans.current().link(traceparent)

    def _siblings(self) -> tuple[ColumnElement[bool], ...]:
        return (
            StageRun.run_id == self.run.id,
            StageRun.stage == self.stage.name,
            StageRun.id != self.claim.stage_run_id,
        )


@dataclass(frozen=True, slots=True)
class AfterCommit:
    """The work that follows the commit: publish `outgoing`, clean up if the run ended."""

    outgoing: tuple[Outgoing, ...]
    run_ended: bool


def begin_finish(session: Session, stage: Stage, claim: Claim, topology: Topology) -> Completion:
    """Lock the run and check the fence. The caller writes, then `complete` closes the stage run.

    Raises `LeaseLost` when another worker has taken the stage run over: commit nothing.
    """
    return Completion(session, fenced(session, claim), stage, claim, topology)


def fenced(session: Session, claim: Claim) -> Run:
    """Lock the run and then the stage run. Raises `LeaseLost` unless the lease is still ours."""
    run = lock_run(session, claim.run.id)
    if run is None:
        raise LeaseLost("the pipeline was deleted")
    held = session.execute(
        select(StageRun.id)
        .where(
            StageRun.id == claim.stage_run_id,
            StageRun.lease_token == claim.token,
            StageRun.status == StageRunStatus.RUNNING,
        )
        .with_for_update()
    ).one_or_none()
    if held is None:
        raise LeaseLost("another worker took this stage run over")
    return run


def complete(
    completion: Completion, *, clock: Clock, metrics: Mapping[str, Any], skipped: str | None = None
) -> AfterCommit:
    """Close the stage run, queue its messages, and end the run if nothing is left to do."""
    session, run = completion.session, completion.run
    close_stage_run(
        session,
        completion.claim.stage_run_id,
        clock,
        status=StageRunStatus.SKIPPED if skipped else StageRunStatus.COMPLETED,
        error_code=NOTHING_TO_DO if skipped else None,
        error_message=skipped,
        result=completion.result,
        metrics=dict(metrics),
        **own_trace(),
    )
    closed = is_closed(run)
    sent: list[Outgoing] = []
    for message in completion.emitted:
        queued = [
            queue(
                session,
                run.id,
                consumer,
                message,
                parent_id=completion.claim.stage_run_id,
                clock=clock,
                closed=closed,
            )
            for consumer in completion.topology.consumers(type(message), run.kind)
        ]
        if any(queued) and not closed:
            sent.append(outgoing(message))
    return AfterCommit(tuple(sent), end_if_done(session, run, clock))


def close_stage_run(session: Session, stage_run_id: int, clock: Clock, **values: Any) -> None:
    """Write how the stage run ended, and release its lease."""
    session.flush()
    closed = {
        "lease_token": None,
        "lease_owner": None,
        "lease_expires_at": None,
        "completed_at": clock.now(),
        "updated_at": clock.now(),
    }
    session.execute(
        update(StageRun)
        .where(StageRun.id == stage_run_id)
        .values({**closed, **values})
        .execution_options(synchronize_session=False)
    )


def own_trace() -> dict[str, str]:
    """The values of a stage run that ends: a later retry continues from this span."""
    span = trace.traceparent()
    return {} if span is None else {"traceparent": span}
