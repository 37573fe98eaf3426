"""What went wrong with a call, as something that passes, or that never will."""

from __future__ import annotations

from google.auth.exceptions import GoogleAuthError, TransportError
from pydantic_ai import exceptions

from shared.engines.llm.protocol import Endpoint
from shared.engines.llm.reasons import place_of, said_by_server, why_not_connected
from shared.errors import LanguageModelUnavailable, Reject

__all__ = ["GoogleAuthError", "translated", "without_credentials"]

_PASSING_STATUSES = frozenset({408, 409, 425, 429})


def translated(error: Exception, endpoint: Endpoint) -> Exception:
    """`Reject` for what trying again cannot mend, else `LanguageModelUnavailable`.

    Rate limits, server errors, time-outs and answers that are no answer of such an API pass.
    """
    name, said = endpoint.name, said_by_server(error)
    if isinstance(error, exceptions.ModelQuotaExceededError):
        return Reject(
            "model_quota_exceeded",
            f"The account behind the model {name} has no quota or credit left{said}",
        )
    if isinstance(error, exceptions.ModelAuthenticationError):
        return Reject(
            "model_unauthorized",
            f"The endpoint of the model {name} refuses our key or account (see "
            f"VIDEOMOMENTS_LLM_API_KEY){said}",
        )
    if isinstance(error, exceptions.ModelNotFoundError):
        return Reject(
            "model_not_found",
            f"The endpoint at {place_of(endpoint)} has no model {endpoint.model!r}, or its API "
            f"begins at another address{said}",
        )
    if isinstance(error, exceptions.ModelContextWindowExceededError):
        return Reject(
            "model_context_exceeded",
            f"A question was too long for the model {name}{said}",
        )
    if _is_rejected(error):
        return Reject(
            "model_request_rejected",
            f"The endpoint of the model {name} takes no such request{said}",
        )
    return LanguageModelUnavailable(
        _unanswered(error, endpoint),
        _wait(error),
        may_cost=isinstance(error, exceptions.ModelTimeoutError | exceptions.ModelRequestTimeout),
    )


def _unanswered(error: Exception, endpoint: Endpoint) -> str:
    """Nobody there, something else there, or the model's server with an error of its own."""
    name, place = endpoint.name, place_of(endpoint)
    if isinstance(error, exceptions.ModelTimeoutError | exceptions.ModelRequestTimeout):
        return f"The model {name} at {place} did not answer in time."
    if isinstance(error, exceptions.ModelConnectionError):
        return f"The model {name} cannot be reached at {place}: {why_not_connected(error)}."
    if _is_other_protocol(error):
        protocol = "the OpenAI protocol" if endpoint.provider == "openai" else "a known form"
        return (
            f"The model {name} cannot be asked: {place} answered, but not in {protocol}. Check "
            "VIDEOMOMENTS_LLM_URL, or the model's own address."
        )
    said = said_by_server(error) or f": {' '.join(str(error).split())[:200]}"
    return f"The model {name} at {place} gave no answer{said}"


def _is_other_protocol(error: Exception) -> bool:
    """A page, broken JSON or JSON of another form. The libraries' words for it are not plain."""
    if isinstance(error, exceptions.UnexpectedModelBehavior):
        return True
    return isinstance(error, exceptions.ModelAPIError) and isinstance(error.__cause__, ValueError)


def _wait(error: Exception) -> float | None:
    """Seconds the server asked to wait, by its Retry-After header or Google's RetryInfo."""
    wait = getattr(error, "retry_after", None)
    return float(wait) if isinstance(wait, int | float) and wait > 0 else None


def without_credentials(error: Exception, endpoint: Endpoint) -> Exception:
    """Google's application-default credentials are missing or worth nothing, or not to be had now.

    `Reject`, or `LanguageModelUnavailable` where the server that gives them out is away.
    """
    said = " ".join(str(error).split())[:300]
    if getattr(error, "retryable", False) or isinstance(error, TransportError):
        return LanguageModelUnavailable(
            f"No credentials for the model {endpoint.name} as yet: {said}"
        )
    return Reject(
        "model_unauthorized",
        f"No application-default credentials for the model {endpoint.name}. Run `gcloud auth "
        f"application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS: {said}",
    )


def _is_rejected(error: Exception) -> bool:
    if isinstance(error, exceptions.ModelHTTPError):
        return 400 <= error.status_code < 500 and error.status_code not in _PASSING_STATUSES
    return isinstance(error, exceptions.ModelRequestRejectedError)
