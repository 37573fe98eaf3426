"""In-process topics behind Pub/Sub's REST API, with pushes over HTTP.

It implements publishing and listing topics from
https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics, enough for functions,
`videomoments publish` and `gcloud pubsub topics publish`.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from shared.errors import PublishFailed
from shared.messaging.delivery import Outcome
from shared.messaging.in_process.broker import MemoryBroker, PushEndpoint
from shared.messaging.protocol import Outgoing

MAX_BODY_BYTES = 16 << 20


class PubSubServer:
    """Serve a broker's topics on a free loopback port, for any project name."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._server = _Server(broker)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="pubsub-rest", daemon=True
        )

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:port`."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> PubSubServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.broker = broker


class _Requests(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        try:
            topic = _topic(self.path)
            messages = read_messages(topic, self._body())
        except ValueError as error:
            self._answer(HTTPStatus.BAD_REQUEST, _error(HTTPStatus.BAD_REQUEST, str(error)))
            return
        try:
            self.server.broker.publish(messages)
        except PublishFailed as error:
            self._answer(HTTPStatus.NOT_FOUND, _error(HTTPStatus.NOT_FOUND, str(error)))
            return
        ids = [str(number) for number in range(1, len(messages) + 1)]
        self._answer(HTTPStatus.OK, {"messageIds": ids})

    def _body(self) -> bytes:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 <= length <= MAX_BODY_BYTES:
            raise ValueError(f"a body of {length} bytes is too large")
        return self.rfile.read(length)

    def _answer(self, status: HTTPStatus, value: Mapping[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Log nothing; the handler logs each message."""


def _topic(path: str) -> str:
    """The topic of `/v1/projects/P/topics/T:publish`. Raises ValueError for another path."""
    parts = unquote(urlsplit(path).path).strip("/").split("/")
    match parts:
        case ["v1", "projects", _, "topics", last] if last.endswith(":publish"):
            return last.removesuffix(":publish")
    raise ValueError("only POST /v1/projects/PROJECT/topics/TOPIC:publish is served")


def read_messages(topic: str, body: bytes) -> list[Outgoing]:
    """The messages of a publish request. Raises ValueError that says what is wrong."""
    try:
        found = json.loads(body)["messages"]
        return [
            Outgoing(
                topic,
                base64.b64decode(item.get("data", ""), validate=True),
                {str(key): str(value) for key, value in item.get("attributes", {}).items()},
                item.get("orderingKey") or None,
            )
            for item in found
        ]
    except binascii.Error as error:
        raise ValueError(f"data is not base64: {error}") from None
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a publish request: {error!r}") from None


def _error(status: HTTPStatus, message: str) -> dict[str, Any]:
    name = "NOT_FOUND" if status is HTTPStatus.NOT_FOUND else "INVALID_ARGUMENT"
    return {"error": {"code": int(status), "message": message, "status": name}}


def push_to(url: str, timeout_seconds: float) -> PushEndpoint:
    """An endpoint that pushes over HTTP like Pub/Sub: only 2xx acknowledges."""
    parts = urlsplit(url)

    def push(headers: Mapping[str, str], body: bytes) -> Outcome:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_seconds)
        try:
            connection.request("POST", parts.path or "/", body, dict(headers))
            status = connection.getresponse().status
        finally:
            connection.close()
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Outcome.DONE
        return Outcome.BUSY if status == HTTPStatus.SERVICE_UNAVAILABLE else Outcome.RETRY

    return push
