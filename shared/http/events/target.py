"""A stage as a functions-framework target.

Uses the plain `http` signature: the framework's own conversion of a push to a CloudEvent drops the
subscription, the delivery attempt and the ordering key, and mishandles messages without data.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from http import HTTPStatus
from typing import Protocol, cast

import flask
import functions_framework
import structlog
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from shared.errors import MalformedMessage, VideoMomentsError
from shared.http.auth.errors import Forbidden, KeysUnavailable, Unauthenticated
from shared.http.events.decode import Contracts
from shared.http.events.intake import Intake
from shared.messaging.delivery import Handler, Outcome
from shared.telemetry import logs, process

Target = Callable[[flask.Request], flask.Response]
# Pub/Sub's largest message is 10 MB, and base64 adds a third. The function that records dead
# letters must be able to read every message that a broker may hold.
MAX_BODY_BYTES = 16 << 20

log = structlog.get_logger(__name__)


class Verifier(Protocol):
    """Decides who may push."""

    def verify(self, authorization: str | None) -> str:
        """The caller. Raises `Unauthenticated`, `Forbidden` or `KeysUnavailable`."""
        ...


def make_target(
    name: str,
    consumes: Contracts,
    handler_factory: Callable[[], Handler],
    verifier: Verifier | Callable[[], Verifier | None] | None = None,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Target:
    """A function that functions-framework serves under `name`.

    Answers 204 when every delivery is acknowledged, 503 for BUSY, 500 for RETRY (a batch answers
    with its worst outcome), 400 for an undecodable body, 401 and 403 for a sender that may not
    push, 413 for too large a body. A GET answers 200 and does nothing. `verifier` may be a function
    that makes one at the first request. With `DeadLetter` among `consumes` it accepts every body.
    """
    intake = Intake(name, consumes, handler_factory)
    guard = _Guard(verifier)

    def target(request: flask.Request) -> flask.Response:
        logs.adopt_server_loggers()
        if request.method in ("GET", "HEAD"):
            return flask.Response("ok", HTTPStatus.OK, mimetype="text/plain")
        if request.method != "POST":
            return _answer(HTTPStatus.METHOD_NOT_ALLOWED, "only POST is taken")
        try:
            guard.check(request.headers.get("Authorization"))
            return _outcome(intake.receive(dict(request.headers), _body(request, max_body_bytes)))
        except Exception as error:
            return _refusal(name, error)
        finally:
            # After the response, the process may be frozen until the next request.
            process.flush()

    target.__name__ = target.__qualname__ = name
    # Once registered, it stays an http function, whatever --signature-type says.
    return cast(Target, functions_framework.http(target))


class _Guard:
    def __init__(self, verifier: Verifier | Callable[[], Verifier | None] | None) -> None:
        self._verifier = verifier

    def check(self, authorization: str | None) -> None:
        if callable(self._verifier):
            self._verifier = self._verifier()
        if self._verifier is not None:
            self._verifier.verify(authorization)


def _body(request: flask.Request, max_body_bytes: int) -> bytes:
    # Read one byte more than allowed, because a chunked body does not announce its size.
    request.max_content_length = max_body_bytes + 1
    try:
        body = request.get_data()
        if len(body) > max_body_bytes:
            raise RequestEntityTooLarge
    except RequestEntityTooLarge:
        # After the response the framework reads the rest of the request, whatever its size.
        request.stream = io.BytesIO()
        raise
    return body


def _outcome(outcome: Outcome) -> flask.Response:
    if outcome.acknowledged:
        return flask.Response(status=HTTPStatus.NO_CONTENT)
    if outcome is Outcome.BUSY:
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "another worker is at it, deliver again")
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "failed for now, deliver again")


_STATUS_OF: dict[type[Exception], HTTPStatus] = {
    MalformedMessage: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    Forbidden: HTTPStatus.FORBIDDEN,
    KeysUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    RequestEntityTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    # The sender disconnected in the middle of the body: nobody reads the answer, and nothing failed
    # here.
    ClientDisconnected: HTTPStatus.BAD_REQUEST,
}


def _refusal(name: str, error: Exception) -> flask.Response:
    status = _STATUS_OF.get(type(error))
    if status is None:
        log.error("request failed", stage=name, exc_info=error)
        return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, "failed, see the logs")
    if not isinstance(error, MalformedMessage):
        log.warning("request refused", stage=name, status=int(status), reason=str(error))
    reason = str(error) if isinstance(error, VideoMomentsError) else status.phrase
    response = _answer(status, reason)
    if status is HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _answer(status: HTTPStatus, reason: str) -> flask.Response:
    response = flask.jsonify({"error": reason})
    response.status_code = status
    return response
