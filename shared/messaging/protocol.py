"""The one protocol messages are sent through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message on its way out: the topic's name, the JSON body, the attributes.

    Messages of one topic and `ordering_key` are delivered in the order they were published.
    """

    topic: str
    body: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)
    ordering_key: str | None = None


class Publisher(Protocol):
    """Hands messages to a broker that delivers each at least once."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once the broker has every one of them; raise `PublishFailed` otherwise.

        After a failure some may have been taken: publishing all of them again is safe.
        """
        ...
