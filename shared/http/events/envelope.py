"""One record of a request without its envelope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from shared.http.events.bodies import malformed
from shared.messages.base import Message
from shared.messaging.delivery import Delivery, Ignored
from shared.telemetry import trace

MAX_DEPTH = 6


@dataclass(frozen=True)
class Envelope:
    """A body with its carriers' metadata. `headers` has lower-case names."""

    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    message_id: str | None = None
    delivery_attempt: int | None = None
    subscription: str | None = None
    ordering_key: str | None = None
    event_type: str | None = None
    event_subject: str | None = None
    event_source: str | None = None
    where: str = "body"
    depth: int = 0

    def inside(self, data: bytes, where: str, **changes: Any) -> Envelope:
        """The record inside this one. Raises `MalformedMessage` if nested too deep."""
        if self.depth >= MAX_DEPTH:
            raise malformed(self.where, f"wrapped more than {MAX_DEPTH} times")
        # The outer record's headers describe that record; only its trace also applies to the inner
        # one.
        headers = {k: v for k, v in self.headers.items() if "trace" in k}
        cleared = {"event_type": None, "headers": headers, "depth": self.depth + 1}
        return replace(self, **{**cleared, **changes, "data": data, "where": where})

    def delivery(self, message: Message) -> Delivery:
        """The delivery of `message` with this envelope's metadata."""
        return Delivery(
            message=message,
            attributes=dict(self.attributes),
            message_id=self.message_id,
            delivery_attempt=self.delivery_attempt,
            trace=trace.extract(self.attributes, self.headers),
            subscription=self.subscription,
            ordering_key=self.ordering_key,
        )

    def ignored(self, reason: str) -> Ignored:
        """The event needs no work."""
        return Ignored(reason, self.message_id)
