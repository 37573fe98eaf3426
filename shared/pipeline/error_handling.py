"""Record the error of a stage run: the run fails, or is queued again with a transient code."""

from __future__ import annotations

import structlog

from shared.db.error_code import database_code
from shared.db.text import without_unstorable
from shared.error_codes.error_code import ErrorCode
from shared.error_codes.runs import ATTEMPTS_EXHAUSTED, TOO_EARLY
from shared.errors import (
    LanguageModelUnavailable,
    LeaseLost,
    NotThere,
    ObjectChanged,
    Reject,
    code_of,
)
from shared.messaging.delivery import Outcome
from shared.pipeline.context import Context
from shared.pipeline.job import Job
from shared.pipeline.ledger.fail import LAST_ERROR_CODE, exhausted_message, fail
from shared.pipeline.ledger.lease import release
from shared.pipeline.ledger.postpone import postpone_if_early
from shared.pipeline.upkeep.cleanup import clean_up
from shared.telemetry import measures, spans

_log = structlog.get_logger(__name__)


def record_error(context: Context, job: Job, error: BaseException) -> Outcome:
    """Record the error in the ledger. BUSY when another worker holds the run."""
    if isinstance(error, NotThere) and (outcome := _wait(context, job, error)):
        return outcome
    if isinstance(error, Reject):
        return _fail(context, job, error, without_unstorable(error.message), code=error.code)
    message, code = one_line(error), database_code(error) or code_of(error)
    if isinstance(error, ObjectChanged):
        # The version that was asked for never comes back.
        return _fail(context, job, error, without_unstorable(str(error)), code=error.code)
    policy = context.policy
    if job.claim.attempt >= policy.max_attempts:
        message = exhausted_message(job.claim.attempt, message)
        return _fail(context, job, error, message, code=ATTEMPTS_EXHAUSTED, last=code)
    _log.warning("transient error", error=message, exc_info=error)
    with context.session() as session, session.begin():
        ours = release(
            session,
            job.claim,
            code,
            message,
            policy=policy,
            clock=context.clock,
            least_wait_seconds=_asked_to_wait(error),
        )
    _tell(job, code, error, final=False)
    return Outcome.RETRY if ours else Outcome.BUSY


def _asked_to_wait(error: BaseException) -> float:
    """Seconds that a server asked to wait; a retry before that would not help."""
    return (
        (error.retry_after_seconds or 0.0) if isinstance(error, LanguageModelUnavailable) else 0.0
    )


def _wait(context: Context, job: Job, missing: NotThere) -> Outcome | None:
    """Requeue the run; None when the missing row cannot appear any more."""
    try:
        message = without_unstorable(missing.message)
        early = postpone_if_early(context, job.stage, job.claim, message)
    except LeaseLost:
        return Outcome.BUSY
    if not early:
        return None
    _tell(job, TOO_EARLY, missing, final=False)
    return Outcome.RETRY


def _fail(
    context: Context,
    job: Job,
    error: BaseException,
    message: str,
    *,
    code: ErrorCode,
    last: ErrorCode | None = None,
) -> Outcome:
    figures = job.figures()
    try:
        with context.session() as session, session.begin():
            ended = fail(
                session,
                job.stage,
                job.claim,
                code=code,
                message=message,
                clock=context.clock,
                metrics={**figures, LAST_ERROR_CODE: last} if last else figures,
            )
    except LeaseLost:
        return Outcome.BUSY
    _log.warning("failed", code=code, reason=message)
    measures.run_ended(job.stage.name, "failed", figures)
    _tell(job, code, error, final=True)
    if ended.run_ended:
        clean_up(context, job.run.id)
    return Outcome.REJECTED


def _tell(job: Job, code: ErrorCode, error: BaseException, *, final: bool) -> None:
    spans.current().fail(code, error)
    measures.count_failure(job.stage.name, code, final=final)


def one_line(error: BaseException) -> str:
    """The error's type and text, without line breaks, at most 500 characters."""
    text = without_unstorable(" ".join(str(error).split()))
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__
