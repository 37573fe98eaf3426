"""What becomes of a stage run that went wrong: failed for good, given back, or lost to another."""

from __future__ import annotations

import structlog

from shared.db.text import storable
from shared.errors import LanguageModelUnavailable, LeaseLost, NotThere, ObjectChanged, Reject
from shared.messaging.delivery import Outcome
from shared.pipeline.context import Context
from shared.pipeline.job import Job
from shared.pipeline.ledger.claim import ASKED_TO_WAIT
from shared.pipeline.ledger.fail import EXHAUSTED, fail, gave_up
from shared.pipeline.ledger.lease import release
from shared.pipeline.ledger.postpone import TOO_EARLY, give_back_if_early
from shared.pipeline.upkeep.cleanup import clean_up
from shared.telemetry import measures, spans

_log = structlog.get_logger(__name__)


def record_error(context: Context, job: Job, error: BaseException) -> Outcome:
    """Write it into the ledger; BUSY when the run is no longer ours."""
    if isinstance(error, NotThere) and (outcome := _wait(context, job, error)):
        return outcome
    if isinstance(error, Reject):
        return _fail(context, job, error, storable(error.message), code=error.code)
    message = one_line(error)
    if isinstance(error, ObjectChanged):
        # The version that was asked for never comes back.
        return _fail(context, job, error, storable(str(error)), code="object_changed")
    policy = context.policy
    if job.run.attempt >= policy.max_attempts:
        return _fail(context, job, error, gave_up(job.run.attempt, message), code=EXHAUSTED)
    _log.warning("transient error", error=message, exc_info=error)
    wait = _asked_to_wait(error)
    code = ASKED_TO_WAIT if wait else "transient"
    code = code if isinstance(error, Exception) else "interrupted"
    with context.session() as session, session.begin():
        ours = release(
            session,
            job.run,
            code,
            message,
            policy=policy,
            clock=context.clock,
            least_wait_seconds=wait,
        )
    _tell(job, code, error, final=False)
    return Outcome.RETRY if ours else Outcome.BUSY


def _asked_to_wait(error: BaseException) -> float:
    """Seconds a server named by which trying again is in vain."""
    return (
        (error.retry_after_seconds or 0.0) if isinstance(error, LanguageModelUnavailable) else 0.0
    )


def _wait(context: Context, job: Job, missing: NotThere) -> Outcome | None:
    """None when what is missing cannot come any more."""
    try:
        early = give_back_if_early(context, job.stage, job.run, storable(missing.message))
    except LeaseLost:
        return Outcome.BUSY
    if not early:
        return None
    _tell(job, TOO_EARLY, missing, final=False)
    return Outcome.RETRY


def _fail(context: Context, job: Job, error: BaseException, message: str, *, code: str) -> Outcome:
    figures = job.figures()
    try:
        with context.session() as session, session.begin():
            ended = fail(
                session,
                job.stage,
                job.run,
                code=code,
                message=message,
                clock=context.clock,
                metrics=figures,
            )
    except LeaseLost:
        return Outcome.BUSY
    _log.warning("failed", code=code, reason=message)
    measures.run_ended(job.stage.name, "failed", figures)
    _tell(job, code, error, final=True)
    if ended.pipeline_ended:
        clean_up(context, job.pipeline.id)
    return Outcome.REJECTED


def _tell(job: Job, code: str, error: BaseException, *, final: bool) -> None:
    spans.current().fail(code, error)
    measures.failed(job.stage.name, code, final=final)


def one_line(error: BaseException) -> str:
    """The error's type and text, without line breaks, at most 500 characters."""
    text = storable(" ".join(str(error).split()))
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
