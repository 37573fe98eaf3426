"""The in-process topics behind Pub/Sub's REST API: published to and pushed over real HTTP."""

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
    """A function that answers as it is told, and keeps what it got."""

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
        """Say nothing."""


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
    """Topics that push to the function, dead letters after five deliveries included."""
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
    """The topics, served."""
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


def test_from_publisher_to_function(
    server: PubSubServer, broker: MemoryBroker, function: Function
) -> None:
    """Body and attributes arrive as a push of Pub/Sub; what is refused comes again."""
    function.answers = [500, 503]
    RestPublisher(server.endpoint, "p").publish([Outgoing("video-probed", b"{}", {"topic": "x"})])
    assert broker.wait_idle(10)
    assert [request["deliveryAttempt"] for request in function.requests] == [1, 2, 3]
    message = function.requests[-1]["message"]
    assert isinstance(message, dict)
    assert base64.b64decode(message["data"]) == b"{}"
    assert message["attributes"] == {"topic": "x"}


def test_a_function_that_always_refuses(
    server: PubSubServer, broker: MemoryBroker, function: Function
) -> None:
    """A message refused five times is pushed to who takes the dead letters."""
    function.answers = [400] * 5
    RestPublisher(server.endpoint, "p").publish([Outgoing("video-probed", b"garbage")])
    assert broker.wait_idle(10)
    assert len(function.requests) == 6
    assert function.requests[-1]["subscription"] == (
        "projects/local/subscriptions/dead-letters.record_failure"
    )


def test_a_topic_that_is_not_there(server: PubSubServer) -> None:
    """Publishing to an unknown topic fails, and says which."""
    with pytest.raises(PublishFailed, match="nowhere"):
        RestPublisher(server.endpoint, "p").publish([Outgoing("nowhere", b"{}")])


def test_a_server_that_is_gone(broker: MemoryBroker) -> None:
    """Publishing to nobody fails."""
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
def test_what_is_no_publish_request(
    server: PubSubServer, function: Function, path: str, body: bytes
) -> None:
    """It is refused with 400 and a reason, and nothing is pushed."""
    status, answer = post(server, path, body)
    assert status == 400
    assert isinstance(answer["error"], dict)
    assert answer["error"]["status"] == "INVALID_ARGUMENT"
    assert function.requests == []
