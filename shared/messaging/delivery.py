"""A stage's deliveries and their outcomes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, Protocol

from pydantic import Field

from shared.messages.base import DEAD_LETTER_TOPIC, Message


class Outcome(Enum):
    """How a delivery ended. BUSY and RETRY refuse it; all others acknowledge it."""

    DONE = "done"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    IGNORED = "ignored"
    BUSY = "busy"
    RETRY = "retry"

    @property
    def acknowledged(self) -> bool:
        """False when the broker must deliver again."""
        return self not in (Outcome.BUSY, Outcome.RETRY)


SEVERITY = (
    Outcome.IGNORED,
    Outcome.DUPLICATE,
    Outcome.DONE,
    Outcome.REJECTED,
    Outcome.BUSY,
    Outcome.RETRY,
)


def worst(outcomes: list[Outcome]) -> Outcome:
    """The outcome of a batch; IGNORED for an empty one."""
    return max(outcomes, key=SEVERITY.index, default=Outcome.IGNORED)


class DeadLetter(Message):
    """A message that no delivery could handle, as the dead-letter topic delivers it.

    Unlike other messages it has no contract, because any body may become a dead letter. So `text`
    is the raw body (undecodable bytes replaced), and nothing in it is trusted.
    """

    topic: ClassVar[str] = DEAD_LETTER_TOPIC
    text: str
    attributes: Mapping[str, str] = Field(default_factory=dict)
    message_id: str | None = None
    source_subscription: str | None = None
    delivery_count: int | None = None

    @property
    def subject(self) -> str:
        """The broker's message id, or a digest of the body without one."""
        return self.message_id or hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Delivery:
    """One incoming message.

    `message_id` and `delivery_attempt` are the broker's and serve only the logs: they are never
    idempotency keys. `trace` is a W3C traceparent.
    """

    message: Message
    attributes: Mapping[str, str] = field(default_factory=dict)
    message_id: str | None = None
    delivery_attempt: int | None = None
    trace: str | None = None
    subscription: str | None = None
    ordering_key: str | None = None


@dataclass(frozen=True)
class Ignored:
    """A delivery that needs no work, such as the event of an object's deletion."""

    reason: str
    message_id: str | None = None


class Handler(Protocol):
    """The handler of deliveries: a stage, wrapped by the runtime."""

    def __call__(self, delivery: Delivery, /) -> Outcome:
        """Handle one delivery. An exception counts as RETRY."""
        ...
