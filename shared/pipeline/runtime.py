"""Carries one delivery through a function: claim, heartbeat, work, fenced finish, publish."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from shared.db.models import StageRun
from shared.errors import LeaseLost, ObjectChanged, Reject
from shared.messages import Message
from shared.messaging.delivery import Delivery, Outcome
from shared.messaging.outgoing import STAGE_ATTRIBUTE
from shared.messaging.protocol import Outgoing
from shared.pipeline import claims
from shared.pipeline.admission import admit
from shared.pipeline.cleaning import clean_up
from shared.pipeline.context import Context
from shared.pipeline.finishing import Ended, fail, fail_exhausted, pending_children
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.stage import Function, Stage, Task

_log = structlog.get_logger(__name__)


class Runtime:
    """Runs functions on deliveries. One for each process; safe to use from many threads."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handle(self, function: Function, delivery: Delivery) -> Outcome:
        """Never raises: what goes wrong is recorded, logged and answered by the outcome."""
        wanted = delivery.attributes.get(STAGE_ATTRIBUTE)
        if wanted is not None and wanted != function.name:
            return Outcome.IGNORED
        with bound_contextvars(stage=function.name, subject=delivery.message.subject):
            try:
                if isinstance(function, Task):
                    function(delivery.message, self.context)
                    return Outcome.DONE
                return self._run_stage(function, delivery.message)
            except Exception as error:
                _log.warning("delivery failed", error=_one_line(error), exc_info=True)
                return Outcome.RETRY

    def _run_stage(self, stage: Stage, message: Message) -> Outcome:
        if stage.entry:
            try:
                admitted = admit(self.context, stage, message)
            except Reject as reject:
                return self._reject_entry(stage, message, reject)
            if isinstance(admitted, claims.Ignored):
                _log.info("ignored", reason=admitted.reason)
                return Outcome.IGNORED
            message = admitted
        pipeline = str(getattr(message, "pipeline"))  # noqa: B009 - entry messages have it optional
        with bound_contextvars(pipeline=pipeline):
            return self._claim_and_work(stage, message, pipeline)

    def _reject_entry(self, stage: Stage, message: Message, reject: Reject) -> Outcome:
        """There is no pipeline to fail: the ledger keeps it by itself."""
        with self.context.session() as session, session.begin():
            claims.record_orphan(
                session,
                stage=stage.name,
                subject=message.subject,
                topic=message.topic,
                message=message.model_dump(mode="json"),
                code=reject.code,
                text=reject.message,
            )
        _log.warning("rejected", code=reject.code, reason=reject.message)
        return Outcome.REJECTED

    def _claim_and_work(self, stage: Stage, message: Message, pipeline: str) -> Outcome:
        context = self.context
        with context.session() as session, session.begin():
            claim = claims.claim(
                session,
                stage,
                message,
                pipeline,
                owner=context.owner,
                policy=context.policy,
                clock=context.clock,
            )
        match claim:
            case claims.Ignored(reason):
                _log.info("ignored", reason=reason)
                return Outcome.IGNORED
            case claims.Busy():
                return Outcome.BUSY
            case claims.Finished(run_id, _):
                return self._send_again(run_id)
            case claims.Exhausted(run_id, _):
                return self._exhaust(stage, run_id)
            case claims.Claim():
                return self._work(stage, message, claim)

    def _send_again(self, run_id: int) -> Outcome:
        with self.context.session() as session:
            pending = pending_children(session, run_id, self.context.topology)
        self._publish(pending)
        return Outcome.DUPLICATE

    def _exhaust(self, stage: Stage, run_id: int) -> Outcome:
        context = self.context
        with context.session() as session, session.begin():
            pipeline_id = session.get_one(StageRun, run_id).pipeline_id
            ended = pipeline_id is not None and fail_exhausted(
                session, stage, pipeline_id, run_id, context.policy.max_attempts, context.clock
            )
        if ended and pipeline_id is not None:
            clean_up(context, pipeline_id)
        return Outcome.REJECTED

    def _work(self, stage: Stage, message: Message, run: claims.Claim) -> Outcome:
        context = self.context
        root = context.work_root
        if root is not None:
            root.mkdir(parents=True, exist_ok=True)
        with (
            bound_contextvars(attempt=run.attempt),
            tempfile.TemporaryDirectory(
                prefix="videomoments-", dir=root, ignore_cleanup_errors=True
            ) as folder,
            Heartbeat(context, run) as heartbeat,
        ):
            job = Job(context, stage, run, heartbeat, Path(folder))
            try:
                stage(message, job)
                if job.ended is None:
                    raise TypeError(f"{stage.name} returned without finishing its job")
            except LeaseLost as lost:
                _log.warning("lease lost", reason=str(lost))
                job.take_back()
                return Outcome.BUSY
            except Exception as error:
                if job.ended is None:
                    self._take_back(job)
                    return self._record(job, error)
                # Committed already: what is left undone the next delivery will do.
                _log.warning("after the commit", error=_one_line(error), exc_info=True)
                return Outcome.RETRY
        self._after_commit(job, job.ended)
        _log.info("skipped" if job.skipped else "done", reason=job.skipped, **job.figures())
        return Outcome.DONE

    def _after_commit(self, job: Job, ended: Ended) -> None:
        self._publish(ended.outgoing)
        job.drop_replaced()
        if ended.pipeline_ended:
            clean_up(self.context, job.pipeline.id)

    def _record(self, job: Job, error: Exception) -> Outcome:
        if isinstance(error, Reject):
            return self._fail(job, error.code, error.message, Outcome.REJECTED)
        if isinstance(error, ObjectChanged):
            return self._fail(job, "superseded", str(error), Outcome.REJECTED)
        message = _one_line(error)
        policy, context = self.context.policy, self.context
        if job.run.attempt >= policy.max_attempts:
            text = f"Gave up after {job.run.attempt} attempts. The last error: {message}"
            return self._fail(job, "attempts_exhausted", text, Outcome.REJECTED)
        _log.warning("transient error", error=message, exc_info=True)
        with context.session() as session, session.begin():
            claims.release(
                session, job.run, "transient", message, policy=policy, clock=context.clock
            )
        return Outcome.RETRY

    def _fail(self, job: Job, code: str, message: str, outcome: Outcome) -> Outcome:
        context = self.context
        try:
            with context.session() as session, session.begin():
                ended = fail(
                    session,
                    job.stage,
                    job.run,
                    code=code,
                    message=message,
                    clock=context.clock,
                    metrics=job.figures(),
                )
        except LeaseLost:
            return Outcome.BUSY
        _log.warning("failed", code=code, reason=message)
        if ended.pipeline_ended:
            clean_up(context, job.pipeline.id)
        return outcome

    def _take_back(self, job: Job) -> None:
        try:
            job.take_back()
        except Exception as error:
            _log.warning("could not take back what was stored", error=_one_line(error))

    def _publish(self, messages: Sequence[Outgoing]) -> None:
        if messages:
            self.context.publisher.publish(messages)


def _one_line(error: BaseException) -> str:
    """The error's type and text, without line breaks, at most 500 characters."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
