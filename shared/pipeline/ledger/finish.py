"""The fenced end of a stage run: results, what is emitted and the pipeline's state, all at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from shared.db.models import PipelineHistory, StageRun
from shared.error_codes.runs import NOTHING_TO_DO
from shared.errors import LeaseLost
from shared.messages.base import Message
from shared.messaging.outgoing import outgoing
from shared.messaging.protocol import Outgoing
from shared.pipeline.clock import Clock
from shared.pipeline.ledger.claim import Claim, queue
from shared.pipeline.ledger.pipeline_state import UNFINISHED, end_if_done, is_doomed, lock_pipeline
from shared.pipeline.stage import Stage
from shared.pipeline.topology import Topology
from shared.telemetry import spans, trace


@dataclass(slots=True)
class Done:
    """What a stage hands in. The pipeline's row is locked while this is open: be short."""

    session: Session
    pipeline: PipelineHistory
    stage: Stage
    run: Claim
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
        """True when every other run of this stage in this pipeline has ended: the fan-in.

        Right only because the pipeline is locked: two last siblings cannot both, or neither,
        see themselves as last. Never true in a pipeline that cannot succeed any more: there
        what is missing comes with a retry, and the last of that is the last sibling.
        """
        if is_doomed(self.pipeline):
            return False
        others = self.session.execute(
            select(func.count())
            .select_from(StageRun)
            .where(
                StageRun.pipeline_id == self.run.pipeline.id,
                StageRun.stage == self.stage.name,
                StageRun.id != self.run.run_id,
                StageRun.status.in_(UNFINISHED),
            )
        ).scalar_one()
        if others:
            return False
        self._link_siblings()
        return True

    def _link_siblings(self) -> None:
        """What comes together in this run is told by its span, whose parent is only its own."""
        if not spans.recorded():
            return
        siblings = self.session.execute(
            select(StageRun.traceparent)
            .where(
                StageRun.pipeline_id == self.run.pipeline.id,
                StageRun.stage == self.stage.name,
                StageRun.id != self.run.run_id,
            )
            .order_by(StageRun.id)
        ).scalars()
        for traceparent in siblings:
            spans.current().link(traceparent)

    def sibling_results(self) -> list[Any]:
        """What the completed runs of this stage left as `result`, this one's included."""
        results = self.session.execute(
            select(StageRun.result)
            .where(
                StageRun.pipeline_id == self.run.pipeline.id,
                StageRun.stage == self.stage.name,
                StageRun.id != self.run.run_id,
                StageRun.status == "completed",
            )
            .order_by(StageRun.id)
        ).scalars()
        return [result for result in [*results, self.result] if result is not None]


@dataclass(frozen=True, slots=True)
class Ended:
    """What there is to do after the commit."""

    outgoing: tuple[Outgoing, ...]
    pipeline_ended: bool


def begin_finish(session: Session, stage: Stage, run: Claim, topology: Topology) -> Done:
    """Lock the pipeline and check the fence; the caller writes, and `complete` closes the run.

    Raises `LeaseLost` when the run is no longer ours: nothing may be committed.
    """
    return Done(session, fenced(session, run), stage, run, topology)


def fenced(session: Session, run: Claim) -> PipelineHistory:
    """The pipeline and then the run, locked. Raises `LeaseLost` unless the run is still ours."""
    pipeline = lock_pipeline(session, run.pipeline.id)
    if pipeline is None:
        raise LeaseLost("the pipeline was deleted")
    held = session.execute(
        select(StageRun.id)
        .where(
            StageRun.id == run.run_id,
            StageRun.lease_token == run.token,
            StageRun.status == "running",
        )
        .with_for_update()
    ).one_or_none()
    if held is None:
        raise LeaseLost("another worker took this stage run over")
    return pipeline


def complete(
    done: Done, *, clock: Clock, metrics: Mapping[str, Any], skipped: str | None = None
) -> Ended:
    """Close the run, queue what it emitted, end the pipeline if nothing is left to do."""
    session, pipeline = done.session, done.pipeline
    close_run(
        session,
        done.run.run_id,
        clock,
        status="skipped" if skipped else "completed",
        error_code=NOTHING_TO_DO if skipped else None,
        error_message=skipped,
        result=done.result,
        metrics=dict(metrics),
        **own_trace(),
    )
    doomed = is_doomed(pipeline)
    sent: list[Outgoing] = []
    for message in done.emitted:
        queued = [
            queue(
                session,
                pipeline.id,
                consumer,
                message,
                parent_id=done.run.run_id,
                clock=clock,
                doomed=doomed,
            )
            for consumer in done.topology.consumers(type(message), pipeline.pipeline_type)
        ]
        if any(queued) and not doomed:
            sent.append(outgoing(message))
    return Ended(tuple(sent), end_if_done(session, pipeline, clock))


def close_run(session: Session, run_id: int, clock: Clock, **values: Any) -> None:
    """Write how the run ended, and let go of its lease."""
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
        .where(StageRun.id == run_id)
        .values({**closed, **values})
        .execution_options(synchronize_session=False)
    )


def own_trace() -> dict[str, str]:
    """The values of a run that ends: what goes on from it later goes on from here."""
    span = trace.traceparent()
    return {} if span is None else {"traceparent": span}


def pending_children(session: Session, run_id: int, topology: Topology) -> list[Outgoing]:
    """What a finished run emitted and nobody has taken up: perhaps it was never published.

    What was tried before and waits for its next attempt is not among it.
    """
    rows = session.execute(
        select(StageRun.stage, StageRun.topic, StageRun.message, StageRun.traceparent)
        .where(StageRun.parent_id == run_id, StageRun.status == "queued", StageRun.attempt == 0)
        .order_by(StageRun.id)
    ).all()
    return [again(topology, row) for row in rows]


def again(topology: Topology, row: Any) -> Outgoing:
    """A queued run's message once more, for its stage alone and in its trace.

    `row` has the run's stage, topic, message and traceparent. Raises KeyError and ValidationError
    when this version knows no such message.
    """
    message = topology.messages[row.topic].model_validate(row.message)
    return outgoing(message, stage=row.stage, traceparent=row.traceparent)
