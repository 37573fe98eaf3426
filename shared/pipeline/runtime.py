"""Take one delivery through a function: claim, heartbeat, work, fenced finish, publish."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import structlog
from structlog.contextvars import bound_contextvars

from shared.db.text import without_unstorable
from shared.errors import LeaseLost, Reject
from shared.messages.base import Message
from shared.messaging.delivery import Delivery, Handler, Ignored, Outcome
from shared.messaging.outgoing import STAGE_ATTRIBUTE
from shared.messaging.protocol import Outgoing
from shared.pipeline.context import Context
from shared.pipeline.error_handling import one_line, record_error
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.ledger import claim as claims
from shared.pipeline.ledger.fail import abandon, count_abandoned, record_orphan
from shared.pipeline.ledger.finish import AfterCommit
from shared.pipeline.ledger.queued_messages import pending_children
from shared.pipeline.stage import Function, Stage, Task
from shared.pipeline.upkeep.cleanup import clean_up
from shared.telemetry import measures, spans, trace

_log = structlog.get_logger(__name__)
DELIVERY_FAILED = "delivery_failed"


class Runtime:
    """Runs functions on deliveries. One for each process; many threads may use it."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def handler(self, function: Function) -> Handler:
        """The handler of the function's deliveries."""
        return partial(self.handle, function)

    def handle(self, function: Function, delivery: Delivery) -> Outcome:
        """Handle one delivery.

        Errors are recorded and logged; the outcome tells the broker whether to redeliver. Re-raises
        only KeyboardInterrupt and SystemExit, and only in the main thread.
        """
        wanted = delivery.attributes.get(STAGE_ATTRIBUTE)
        if wanted and wanted != function.name:
            _log.info("message ignored", reason=f"meant for {wanted}")
            return Outcome.IGNORED
        with bound_contextvars(stage=function.name, subject=delivery.message.subject):
            try:
                if isinstance(function, Task):
                    function(delivery.message, self.context)
                    return Outcome.DONE
                return self._run_stage(function, delivery.message)
            except BaseException as error:
                if _ends_process(error):
                    raise
                _log.warning("delivery failed", error=one_line(error), exc_info=True)
                spans.current().fail(DELIVERY_FAILED, error)
                measures.count_failure(function.name, DELIVERY_FAILED, final=False)
                return Outcome.RETRY

    def _run_stage(self, stage: Stage, message: Message) -> Outcome:
        if stage.entry is not None:
            try:
                admitted = stage.entry(self.context, stage, message)
            except Reject as reject:
                return self._reject_entry(stage, message, reject)
            if isinstance(admitted, Ignored):
                _log.info("ignored", reason=admitted.reason)
                return Outcome.IGNORED
            message = admitted
        pipeline = str(getattr(message, "pipeline"))  # noqa: B009 - entry messages have it optional
        with bound_contextvars(pipeline=pipeline):
            return self._claim_and_work(stage, message, pipeline)

    def _reject_entry(self, stage: Stage, message: Message, reject: Reject) -> Outcome:
        """No run exists yet, so the failure is recorded on its own."""
        with self.context.session() as session, session.begin():
            record_orphan(
                session,
                stage=stage.name,
                subject=message.subject,
                topic=message.topic,
                message=message.model_dump(mode="json"),
                code=reject.code,
                text=without_unstorable(reject.message),
            )
        _log.warning("rejected", code=reject.code, reason=reject.message)
        spans.current().fail(reject.code, reject)
        measures.count_failure(stage.name, reject.code, final=True)
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
            case Ignored(reason):
                _log.info("ignored", reason=reason)
                return Outcome.IGNORED
            case claims.Busy():
                return Outcome.BUSY
            case claims.AlreadyEnded(stage_run_id, _):
                return self._send_again(stage_run_id)
            case claims.NotRunnable(stage_run_id, run_id):
                return self._abandon(stage, stage_run_id, run_id)
            case claims.Claim():
                return self._work(stage, message, claim)

    def _send_again(self, stage_run_id: int) -> Outcome:
        with self.context.session() as session:
            pending = pending_children(session, stage_run_id, self.context.topology)
        self._publish(pending)
        return Outcome.DUPLICATE

    def _abandon(self, stage: Stage, stage_run_id: int, run_id: int) -> Outcome:
        context = self.context
        with context.session() as session, session.begin():
            abandoned = abandon(
                session, stage, run_id, stage_run_id, context.policy.max_attempts, context.clock
            )
        if abandoned is None:
            return Outcome.RETRY
        _log.warning("given up", status=abandoned.status)
        count_abandoned(stage, abandoned)
        if abandoned.run_ended:
            clean_up(context, run_id)
        return Outcome.REJECTED

    def _work(self, stage: Stage, message: Message, claim: claims.Claim) -> Outcome:
        _tell_claimed(stage, claim)
        heartbeat = Heartbeat(self.context, claim)
        folder = _folder_of(self.context, claim)
        job: Job = stage.job(self.context, stage, claim, heartbeat, folder)
        with bound_contextvars(attempt=claim.attempt):
            try:
                with working_folder(job.workdir), heartbeat:
                    stage(message, job)
                    if job.ended is None:
                        raise TypeError(f"{stage.name} returned without finishing its job")
            except BaseException as error:
                outcome = self._after_error(job, error)
                if not isinstance(error, Exception):
                    raise
                return outcome
            return self._after_commit(job, job.ended)

    def _after_error(self, job: Job, error: BaseException) -> Outcome:
        if job.ended is not None:
            _log.warning("error after the commit", error=one_line(error), exc_info=error)
            return self._after_commit(job, job.ended)
        if isinstance(error, LeaseLost):
            _log.warning("lease lost", reason=str(error))
            self._take_back(job)
            return Outcome.BUSY
        # A commit that raised may have taken place, and then rows name the stored objects.
        may_be_named = job.commit_began
        try:
            outcome = record_error(self.context, job, error)
            may_be_named = may_be_named and outcome is Outcome.BUSY
        finally:
            if not may_be_named:
                self._take_back(job)
        return outcome

    def _after_commit(self, job: Job, ended: AfterCommit) -> Outcome:
        _log.info("skipped" if job.skipped else "done", reason=job.skipped, **job.recorded)
        status = "skipped" if job.skipped else "completed"
        measures.run_ended(job.stage.name, status, job.recorded)
        try:
            self._publish(ended.outgoing)
        finally:
            try:
                job.drop_replaced()
            except Exception as error:
                _log.warning("could not delete what was replaced", error=one_line(error))
            if ended.run_ended:
                clean_up(self.context, job.run.id)
        return Outcome.DONE

    def _take_back(self, job: Job) -> None:
        try:
            job.take_back()
        except Exception as error:
            _log.warning("could not take back what was stored", error=one_line(error))

    def _publish(self, messages: Sequence[Outgoing]) -> None:
        if messages:
            self.context.publisher.publish(messages)


@contextmanager
def working_folder(folder: Path) -> Iterator[None]:
    """The folder of one attempt, readable by this user only and deleted when the block ends."""
    folder.mkdir(mode=0o700, parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folder_of(context: Context, claim: claims.Claim) -> Path:
    root = context.work_root or Path(tempfile.gettempdir())
    return root / f"videomoments-{claim.stage_run_id}-{claim.token.hex}"


def _tell_claimed(stage: Stage, claim: claims.Claim) -> None:
    span, here = spans.current(), trace.current()
    span.set(
        pipeline=claim.run.identifier, attempt=claim.attempt, queued_seconds=claim.queued_seconds
    )
    queued_in = trace.parse(claim.traceparent)
    if queued_in is not None and (here is None or queued_in.trace_id != here.trace_id):
        # Two deliveries of one event bring two traces.
        span.link(claim.traceparent)
    measures.run_claimed(stage.name, claim.queued_seconds)


def _ends_process(error: BaseException) -> bool:
    """Whether the error ends the process. In a worker thread it would end the thread alone."""
    in_main_thread = threading.current_thread() is threading.main_thread()
    return in_main_thread and not isinstance(error, Exception)
