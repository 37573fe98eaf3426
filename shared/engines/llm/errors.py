"""Translate a failed call into a transient error or a permanent one."""

from __future__ import annotations

from google.auth.exceptions import GoogleAuthError, TransportError
from pydantic_ai import exceptions

from shared.engines.llm.protocol import Endpoint
from shared.engines.llm.reasons import connection_failure, host_of, server_message
from shared.error_codes.models import (
    MODEL_CONTEXT_EXCEEDED,
    MODEL_NOT_FOUND,
    MODEL_PROTOCOL_UNKNOWN,
    MODEL_QUOTA_EXCEEDED,
    MODEL_REQUEST_REJECTED,
    MODEL_UNAUTHORIZED,
    MODEL_UNAVAILABLE,
)
from shared.errors import LanguageModelUnavailable, Reject

__all__ = ["GoogleAuthError", "credentials_error", "translate_error"]

_TRANSIENT_STATUSES = frozenset({408, 409, 425, 429})


def translate_error(error: Exception, endpoint: Endpoint) -> Exception:
    """Reject for an error that a retry cannot cure, else LanguageModelUnavailable.

    Rate limits, server errors, time-outs and answers outside the API's protocol are transient.
    """
    name, said = endpoint.name, server_message(error)
    if isinstance(error, exceptions.ModelQuotaExceededError):
        return Reject(
            MODEL_QUOTA_EXCEEDED,
            f"The account behind the model {name} has no quota or credit left{said}",
        )
    if isinstance(error, exceptions.ModelAuthenticationError):
        return Reject(
            MODEL_UNAUTHORIZED,
            f"The endpoint of the model {name} rejected the key or the account (see "
            f"VIDEOMOMENTS_LLM_API_KEY){said}",
        )
    if isinstance(error, exceptions.ModelNotFoundError):
        return Reject(
            MODEL_NOT_FOUND,
            f"The endpoint at {host_of(endpoint)} has no model {endpoint.model!r}, or its API "
            f"starts at another address{said}",
        )
    if isinstance(error, exceptions.ModelContextWindowExceededError):
        return Reject(
            MODEL_CONTEXT_EXCEEDED,
            f"A question was longer than the context of the model {name}{said}",
        )
    if _is_rejected(error):
        return Reject(
            MODEL_REQUEST_REJECTED,
            f"The endpoint of the model {name} does not accept the request{said}",
        )
    return LanguageModelUnavailable(
        _unanswered(error, endpoint),
        _wait(error),
        may_cost=isinstance(error, exceptions.ModelTimeoutError | exceptions.ModelRequestTimeout),
        code=MODEL_PROTOCOL_UNKNOWN if _is_other_protocol(error) else MODEL_UNAVAILABLE,
    )


def _unanswered(error: Exception, endpoint: Endpoint) -> str:
    """The message for a time-out, a failed connection, a foreign protocol or a server's error."""
    name, place = endpoint.name, host_of(endpoint)
    if isinstance(error, exceptions.ModelTimeoutError | exceptions.ModelRequestTimeout):
        return f"The model {name} at {place} did not answer in time."
    if isinstance(error, exceptions.ModelConnectionError):
        return f"The model {name} cannot be reached at {place}: {connection_failure(error)}."
    if _is_other_protocol(error):
        protocol = "the OpenAI protocol" if endpoint.provider == "openai" else "a known form"
        return (
            f"The model {name} cannot be asked: {place} answered, but not in {protocol}. Check "
            "VIDEOMOMENTS_LLM_URL, or the model's own address."
        )
    said = server_message(error) or f": {' '.join(str(error).split())[:200]}"
    return f"The model {name} at {place} gave no answer{said}"


def _is_other_protocol(error: Exception) -> bool:
    """True for an HTML page, broken JSON or JSON of another form.

    The libraries' own messages for these are too technical for users.
    """
    if isinstance(error, exceptions.UnexpectedModelBehavior):
        return True
    return isinstance(error, exceptions.ModelAPIError) and isinstance(error.__cause__, ValueError)


def _wait(error: Exception) -> float | None:
    """The seconds that the server's Retry-After header or Google's RetryInfo asks to wait."""
    wait = getattr(error, "retry_after", None)
    return float(wait) if isinstance(wait, int | float) and wait > 0 else None


def credentials_error(error: Exception, endpoint: Endpoint) -> Exception:
    """The error for missing or invalid application-default credentials of Google.

    Reject, or LanguageModelUnavailable if the server that issues them is away.
    """
    said = " ".join(str(error).split())[:300]
    if getattr(error, "retryable", False) or isinstance(error, TransportError):
        return LanguageModelUnavailable(f"No credentials for the model {endpoint.name} yet: {said}")
    return Reject(
        MODEL_UNAUTHORIZED,
        f"No application-default credentials for the model {endpoint.name}. Run `gcloud auth "
        f"application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS: {said}",
    )


def _is_rejected(error: Exception) -> bool:
    if isinstance(error, exceptions.ModelHTTPError):
        return 400 <= error.status_code < 500 and error.status_code not in _TRANSIENT_STATUSES
    return isinstance(error, exceptions.ModelRequestRejectedError)
