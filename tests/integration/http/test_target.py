"""A stage behind HTTP: every answer of a target, in one process and by functions-framework."""

from __future__ import annotations

import base64
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import flask
import pytest
import structlog

from shared.http.events.target import make_target
from shared.messages.upkeep import SweepRequested
from shared.messages.videos import VideoProbed
from shared.messaging.delivery import DeadLetter, Delivery, Handler, Outcome
from shared.telemetry import logs as log
from shared.telemetry import trace

PROBED = {"pipeline": "p1", "video": "v1", "generation": "1"}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def push_body(data: object, **attributes: str) -> dict[str, Any]:
    """A wrapped push."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    message = {"data": base64.b64encode(raw).decode(), "attributes": attributes, "messageId": "7"}
    return {"message": message, "subscription": "projects/p/subscriptions/s", "deliveryAttempt": 2}


def never() -> Handler:
    """A factory for requests that must not reach a handler."""
    raise AssertionError("the handler was made")


def answering(*outcomes: Outcome) -> Callable[[], Handler]:
    """A factory of a handler that gives these answers in turn."""
    left = list(outcomes)
    return lambda: lambda _: left.pop(0)


def call(
    factory: Callable[[], Handler],
    json_body: object = None,
    *,
    consumes: tuple[Any, ...] = (VideoProbed,),
    method: str = "POST",
    target: Any = None,
    **request: Any,
) -> flask.Response:
    """The response to one request."""
    function = target or make_target("split_audio", consumes, factory, max_body_bytes=100_000)
    given = {"json": json_body} if json_body is not None else {}
    with flask.Flask("test").test_request_context("/", method=method, **given, **request):
        response: flask.Response = function(flask.request)
        return response


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.DONE, 204),
        (Outcome.DUPLICATE, 204),
        (Outcome.REJECTED, 204),
        (Outcome.IGNORED, 204),
        (Outcome.BUSY, 503),
        (Outcome.RETRY, 500),
    ],
)
def test_target_maps_outcomes_to_statuses(outcome: Outcome, status: int) -> None:
    """Completed and permanently failed messages are acknowledged; others come again."""
    response = call(answering(outcome), push_body(PROBED))
    assert response.status_code == status
    if status >= 500:
        assert set(json.loads(response.data)) == {"error"}


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ((Outcome.DONE, Outcome.DONE), 204),
        ((Outcome.DONE, Outcome.BUSY), 503),
        ((Outcome.RETRY, Outcome.BUSY), 500),
        ((Outcome.RETRY, Outcome.DONE), 500),
    ],
)
def test_target_acknowledges_a_batch_only_as_a_whole(
    outcomes: tuple[Outcome, ...], status: int
) -> None:
    """Each message of the batch is handled."""
    record = {"eventSource": "aws:sqs", "body": json.dumps(PROBED)}
    assert call(answering(*outcomes), {"Records": [record, record]}).status_code == status


@pytest.mark.parametrize("body", [b"", b"garbage", b"[]", b"{}", b"\xff\xfe\x00", b"[" * 90_000])
def test_target_refuses_a_malformed_body(
    body: bytes, expected_errors: list[logging.LogRecord]
) -> None:
    """It answers with a reason, reaches no handler and never crashes."""
    response = call(never, data=body, content_type="application/json")
    assert response.status_code == 400
    assert "body" in json.loads(response.data)["error"]
    assert len(expected_errors) == 1


def test_target_logs_a_malformed_body_without_its_content() -> None:
    """One record names the function and the reason, and quotes nothing."""
    stream = io.StringIO()
    log.configure("json", stream=stream)
    call(never, push_body(b"CANARY", topic="video-probed"))
    found = json.loads(stream.getvalue())
    assert (found["message"], found["stage"]) == ("message malformed", "split_audio")
    assert "body.message.data: not JSON" in found["reason"]
    assert "CANARY" not in stream.getvalue()


def test_target_of_dead_letters_accepts_everything() -> None:
    """Recording a dead letter never causes another."""
    seen: list[Delivery] = []

    def handle(delivery: Delivery) -> Outcome:
        seen.append(delivery)
        return Outcome.DONE

    for body in (push_body(b"garbage", topic="video-probed"), 7):
        assert call(lambda: handle, body, consumes=(DeadLetter,)).status_code == 204
    texts = [item.message.text for item in seen if isinstance(item.message, DeadLetter)]
    assert texts == ["garbage", "7"]


@pytest.mark.parametrize("chunked", [False, True])
def test_target_refuses_a_large_body_unread(chunked: bool) -> None:
    """With or without a stated size."""
    body = b"x" * 200_000
    extra: dict[str, Any] = (
        {"environ_overrides": {"wsgi.input_terminated": True}} if chunked else {}
    )
    given = {"input_stream": io.BytesIO(body)} if chunked else {"data": body}
    response = call(never, content_type="application/json", **given, **extra)
    assert response.status_code == 413


def test_target_refuses_half_a_body() -> None:
    """It is not logged as our error."""
    cut = {"wsgi.input": io.BytesIO(b"{}"), "CONTENT_LENGTH": "100"}
    response = call(never, content_type="application/json", environ_overrides=cut)
    assert response.status_code == 400


def test_target_answers_a_startup_probe_without_a_token() -> None:
    """The probe touches nothing."""

    def refuse() -> None:
        raise AssertionError("asked")

    target = make_target("split_audio", (VideoProbed,), never, refuse)
    response = call(never, target=target, method="GET")
    assert (response.status_code, response.data) == (200, b"ok")


def test_target_accepts_post_only() -> None:
    """Other methods are not deliveries."""
    assert call(never, push_body(PROBED), method="PUT").status_code == 405


def test_target_answers_500_for_an_unexpected_error() -> None:
    """The answer holds no trace; the log holds all of it."""
    stream = io.StringIO()
    log.configure("json", stream=stream)

    def handle(_: Delivery) -> Outcome:
        raise ZeroDivisionError("inner detail")

    response = call(lambda: handle, push_body(PROBED))
    assert response.status_code == 500
    assert b"inner detail" not in response.data
    found = json.loads(stream.getvalue())
    assert found["stack_trace"].endswith("ZeroDivisionError: inner detail")
    assert (found["pipeline"], found["subject"]) == ("p1", "v1")


def test_target_answers_500_when_the_handler_cannot_be_made(
    expected_errors: list[logging.LogRecord],
) -> None:
    """The message comes again, and the handler is tried again."""
    made: list[int] = []

    def factory() -> Handler:
        made.append(1)
        if len(made) == 1:
            raise OSError("database away")
        return lambda _: Outcome.DONE

    target = make_target("split_audio", (VideoProbed,), factory)
    statuses = [call(never, push_body(PROBED), target=target).status_code for _ in range(3)]
    assert statuses == [500, 204, 204]
    assert (len(made), len(expected_errors)) == (2, 1)


def test_target_makes_its_handler_once() -> None:
    """Many first requests at once make one handler, and import makes none."""
    made: list[int] = []

    def factory() -> Handler:
        made.append(1)
        return lambda _: Outcome.DONE

    target = make_target("split_audio", (VideoProbed,), factory)
    assert made == []
    threads = [
        threading.Thread(target=call, args=(never, push_body(PROBED)), kwargs={"target": target})
        for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_target_accepts_a_push_without_data() -> None:
    """The framework's own conversion would fail."""
    body = {"message": {"messageId": "1", "attributes": {}}, "subscription": "s"}
    assert call(answering(Outcome.DONE), body, consumes=(SweepRequested,)).status_code == 204


def test_handler_gets_the_whole_delivery_in_its_context() -> None:
    """It runs in the delivery's trace and log context."""
    seen: dict[str, Any] = {}

    def handle(delivery: Delivery) -> Outcome:
        seen.update(
            structlog.contextvars.get_contextvars(), trace=trace.traceparent(), got=delivery
        )
        return Outcome.DONE

    call(lambda: handle, push_body(PROBED, traceparent=TRACE))
    assert seen["got"].message == VideoProbed.model_validate(PROBED)
    assert seen["got"].delivery_attempt == 2
    assert seen["trace"].split("-")[1] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert (seen["stage"], seen["pipeline"], seen["subject"]) == ("split_audio", "p1", "v1")
    assert trace.current() is None
    assert structlog.contextvars.get_contextvars() == {}


@pytest.fixture(autouse=True)
def _logging_restored() -> Iterator[None]:
    """Restore structlog's configuration."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
