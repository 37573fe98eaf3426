"""A publisher whose messages go on with the trace they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from shared.messaging.outgoing import TRACE_ATTRIBUTE, with_trace
from shared.messaging.protocol import Outgoing, Publisher
from shared.telemetry import spans, trace
from shared.telemetry.recording import Value


class TracedPublisher:
    """A `Publisher`: each message is sent in a span of its own, and handled under that.

    The span belongs to the trace the message names: to that of its run, also where a sweep or a
    person publishes it again, whose own span it is then linked to.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Publisher`."""
        if not spans.recorded():
            self._publisher.publish(messages)
            return
        with ExitStack() as stack:
            here = trace.traceparent()
            ours = [with_trace(message) for message in messages]
            self._publisher.publish([_sent(stack, message, here) for message in ours])


def _sent(stack: ExitStack, message: Outgoing, here: str | None) -> Outgoing:
    """The message as it goes out of the span `here` while the stack is open."""
    came_from = message.attributes.get(TRACE_ATTRIBUTE)
    said: dict[str, Value] = {
        "messaging.operation.type": "send",
        "messaging.destination.name": message.topic,
        "messaging.message.body.size": len(message.body),
    }
    span = stack.enter_context(spans.sending(f"send {message.topic}", said, came_from))
    if here != came_from:
        span.link(here)
    attributes = {**message.attributes, TRACE_ATTRIBUTE: trace.traceparent() or ""}
    return replace(message, attributes=attributes)
