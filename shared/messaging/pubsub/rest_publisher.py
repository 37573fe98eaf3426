"""Publishes through Pub/Sub's REST API, to a compatible server on this machine.

Serves `videomoments dev` without the emulator, whose own process keeps the topics.
`shared.messaging.pubsub.publisher` publishes to Pub/Sub itself.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Sequence
from urllib.parse import urlsplit

from shared.errors import PublishFailed
from shared.messaging.outgoing import with_trace
from shared.messaging.protocol import Outgoing
from shared.messaging.pubsub.connection import topic_path


class RestPublisher:
    """A `Publisher`. Opens a connection for each topic of each publish."""

    def __init__(self, endpoint: str, project: str, *, timeout_seconds: float = 30.0) -> None:
        """`endpoint` is `http://host:port`."""
        self._host = urlsplit(endpoint).netloc
        self._project = project
        self._timeout_seconds = timeout_seconds

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once the server has every message; raise `PublishFailed` otherwise."""
        topics: dict[str, list[Outgoing]] = {}
        for message in messages:
            topics.setdefault(message.topic, []).append(with_trace(message))
        for topic, found in topics.items():
            self._publish_topic(topic, found)

    def _publish_topic(self, topic: str, found: list[Outgoing]) -> None:
        body = json.dumps({"messages": [_as_json(message) for message in found]})
        connection = http.client.HTTPConnection(self._host, timeout=self._timeout_seconds)
        try:
            path = f"/v1/{topic_path(self._project, topic)}:publish"
            connection.request("POST", path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            raise PublishFailed(f"Not published to {topic}: {error}") from error
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise PublishFailed(f"Not published to {topic}: {answer.status} {text[:500]}")


def _as_json(message: Outgoing) -> dict[str, object]:
    found: dict[str, object] = {
        "data": base64.b64encode(message.body).decode(),
        "attributes": dict(message.attributes),
    }
    if message.ordering_key:
        found["orderingKey"] = message.ordering_key
    return found
