"""Publishes to Pub/Sub.

Uses the Publish call itself, with a whole batch in each request, and not the client library's
background batches. One answer then says that every message of the batch is stored. No message stays
in a thread that Cloud Run may freeze after the response or that a fork may lose, no ordering key
stays paused, and an attribute may have the name `topic`. Topics are published concurrently.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from shared.errors import PublishFailed
from shared.messaging.outgoing import with_trace
from shared.messaging.protocol import Outgoing
from shared.messaging.pubsub import connection

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient

MAX_BATCH_MESSAGES = 1000
MAX_BATCH_BYTES = 9_000_000
_MESSAGE_OVERHEAD_BYTES = 64


class PubSubPublisher:
    """A `Publisher`. Makes its client at the first publish, and a new one after a fork."""

    def __init__(
        self,
        project: str,
        *,
        timeout_seconds: float = 30.0,
        emulator_host: str | None = None,
    ) -> None:
        self._project = project
        self._timeout_seconds = timeout_seconds
        self._emulator_host = emulator_host
        self._lock = threading.Lock()
        self._client: PublisherClient | None = None
        self._pid = 0

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once Pub/Sub has stored every message; raise `PublishFailed` otherwise.

        Messages of one topic and ordering key keep their order; after a failure no later message of
        that topic is sent. Transient errors are retried until the time is up.
        """
        topics: dict[str, list[Outgoing]] = {}
        for message in messages:
            topics.setdefault(message.topic, []).append(with_trace(message))
        if not topics:
            return
        client = self._connected()
        with ThreadPoolExecutor(max_workers=min(8, len(topics))) as pool:
            futures = {
                topic: pool.submit(self._publish_topic, client, topic, found)
                for topic, found in topics.items()
            }
        _raise_failures(futures)

    def _publish_topic(self, client: PublisherClient, topic: str, found: list[Outgoing]) -> None:
        from google.api_core import exceptions
        from google.api_core.retry import Retry, if_exception_type
        from google.pubsub_v1.types import PublishRequest

        transient = if_exception_type(
            exceptions.ServiceUnavailable,
            exceptions.InternalServerError,
            exceptions.Aborted,
            exceptions.ResourceExhausted,
            exceptions.Unknown,
        )
        retry = Retry(predicate=transient, initial=0.1, maximum=5, timeout=self._timeout_seconds)
        path = connection.topic_path(self._project, topic)
        for batch in batches(found):
            request = PublishRequest(topic=path, messages=[_as_pubsub(m) for m in batch])
            answer = client.publish(request, retry=retry, timeout=self._timeout_seconds)
            if len(answer.message_ids) != len(batch):
                raise PublishFailed(f"{len(answer.message_ids)} of {len(batch)} were taken")

    def _connected(self) -> PublisherClient:
        with self._lock:
            if self._client is None or self._pid != os.getpid():
                # A gRPC channel does not survive a fork.
                self._client = connection.publisher_client(self._emulator_host)
                self._pid = os.getpid()
            return self._client

    def close(self) -> None:
        """Close the connection; a later publish opens another."""
        with self._lock:
            if self._client is not None and self._pid == os.getpid():
                self._client.transport.close()  # type: ignore[no-untyped-call]
            self._client = None


def _as_pubsub(message: Outgoing) -> dict[str, object]:
    return {
        "data": message.body,
        "attributes": dict(message.attributes),
        "ordering_key": message.ordering_key or "",
    }


def _raise_failures(futures: dict[str, Future[None]]) -> None:
    errors = {topic: future.exception() for topic, future in futures.items()}
    failed = {topic: error for topic, error in errors.items() if error is not None}
    if failed:
        reasons = "; ".join(f"{topic}: {error}" for topic, error in failed.items())
        raise PublishFailed(f"Not published to {reasons}") from next(iter(failed.values()))


def batches(messages: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    """The messages in requests within Pub/Sub's limits: each of one ordering key, in its order."""
    keys: dict[str | None, list[Outgoing]] = {}
    for message in messages:
        keys.setdefault(message.ordering_key, []).append(message)
    for group in keys.values():
        batch: list[Outgoing] = []
        size = 0
        for message in group:
            cost = _size(message)
            if batch and (len(batch) >= MAX_BATCH_MESSAGES or size + cost > MAX_BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(message)
            size += cost
        yield batch


def _size(message: Outgoing) -> int:
    attributes = sum(len(k.encode()) + len(v.encode()) for k, v in message.attributes.items())
    return len(message.body) + attributes + _MESSAGE_OVERHEAD_BYTES
