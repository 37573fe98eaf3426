"""In-process topics behind Pub/Sub's REST API, over real HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cli.dev.pubsub_server import PubSubServer, push_to
from shared.errors import PublishFailed
from shared.messaging.in_process.broker import MemoryBroker
from shared.messaging.protocol import Outgoing
from shared.messaging.pubsub.provision import SubscriptionSpec
from shared.messaging.pubsub.rest_publisher import RestPublisher
from tests.support.patience import PATIENCE_SECONDS


class Function(ThreadingHTTPServer):
    """A function with prepared answers that keeps its requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: list[int] = []
        self.requests: list[dict[str, object]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Function

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.requests.append(json.loads(self.rfile.read(length)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing."""


@pytest.fixture
def function() -> Iterator[Function]:
    """A running function."""
    server = Function()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def broker(function: Function) -> Iterator[MemoryBroker]:
    """Topics that push to the function, with dead letters after five deliveries."""
    broker = MemoryBroker(workers=1)
    url = f"http://127.0.0.1:{function.server_address[1]}/"
    spec = SubscriptionSpec(
        "video-probed.split_audio",
        "video-probed",
        dead_letter_topic="dead-letters",
        max_delivery_attempts=5,
        min_backoff_seconds=0.01,
        max_backoff_seconds=0.01,
    )
    dead = SubscriptionSpec("dead-letters.record_failure", "dead-letters")
    for one in (spec, dead):
        broker.subscribe(one, push_to(url, 5))
    yield broker
    broker.close()


@pytest.fixture
def server(broker: MemoryBroker) -> Iterator[PubSubServer]:
    """The served topics."""
    with PubSubServer(broker) as running:
        yield running


def post(server: PubSubServer, path: str, body: bytes) -> tuple[int, dict[str, object]]:
    """Status and JSON of a request."""
    connection = http.client.HTTPConnection(
        server.endpoint.removeprefix("http://"), timeout=PATIENCE_SECONDS
    )
    connection.request("POST", path, body)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_rest_publisher_delivers_to_the_function(
    server: PubSubServer, broker: MemoryBroker, function: Function
) -> None:
    """Body and attributes arrive as a Pub/Sub push; a refused message comes again."""
    function.answers = [500, 503]
    RestPublisher(server.endpoint, "p").publish([Outgoing("video-probed", b"{}", {"topic": "x"})])
    assert broker.wait_idle(10)
    assert [request["deliveryAttempt"] for request in function.requests] == [1, 2, 3]
    message = function.requests[-1]["message"]
    assert isinstance(message, dict)
    assert base64.b64decode(message["data"]) == b"{}"
    assert message["attributes"] == {"topic": "x"}


def test_message_refused_five_times_becomes_a_dead_letter(
    server: PubSubServer, broker: MemoryBroker, function: Function
) -> None:
    """It is pushed to the consumer of dead letters."""
    function.answers = [400] * 5
    RestPublisher(server.endpoint, "p").publish([Outgoing("video-probed", b"garbage")])
    assert broker.wait_idle(10)
    assert len(function.requests) == 6
    assert function.requests[-1]["subscription"] == (
        "projects/local/subscriptions/dead-letters.record_failure"
    )


def test_rest_publisher_fails_for_an_unknown_topic(server: PubSubServer) -> None:
    """The error names the topic."""
    with pytest.raises(PublishFailed, match="nowhere"):
        RestPublisher(server.endpoint, "p").publish([Outgoing("nowhere", b"{}")])


def test_rest_publisher_fails_without_a_server(broker: MemoryBroker) -> None:
    """Publishing raises an error."""
    with PubSubServer(broker) as running:
        endpoint = running.endpoint
    with pytest.raises(PublishFailed, match="video-probed"):
        RestPublisher(endpoint, "p").publish([Outgoing("video-probed", b"{}")])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/projects/p/topics/video-probed", b'{"messages": []}'),
        ("/v1/projects/p/topics/video-probed:publish", b"no JSON"),
        ("/v1/projects/p/topics/video-probed:publish", b"[]"),
        ("/v1/projects/p/topics/video-probed:publish", b'{"messages": [{"data": "%"}]}'),
        ("/v1/projects/p/topics/video-probed:publish", b'{"messages": ["text"]}'),
        ("/v1/projects/p/topics/video-probed:publish", b'{"messages": [{"data": "\xff"}]}'),
    ],
)
def test_server_refuses_a_request_that_is_not_publish(
    server: PubSubServer, function: Function, path: str, body: bytes
) -> None:
    """It answers 400 with a reason, and pushes nothing."""
    status, answer = post(server, path, body)
    assert status == 400
    assert isinstance(answer["error"], dict)
    assert answer["error"]["status"] == "INVALID_ARGUMENT"
    assert function.requests == []
