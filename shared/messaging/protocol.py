"""The one protocol for publishing messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One outgoing message: the topic's name, the JSON body, the attributes.

    The broker delivers messages of one topic and `ordering_key` in the order of publication.
    """

    topic: str
    body: bytes
    attributes: Mapping[str, str] = field(default_factory=dict)
    ordering_key: str | None = None


class Publisher(Protocol):
    """Passes messages to a broker that delivers each at least once."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Return once the broker has all of them; raise `PublishFailed` otherwise.

        After a failure the broker may have taken some: publishing all of them again is safe.
        """
        ...
