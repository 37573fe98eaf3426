"""A publisher that passes the trace on with each message."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from shared.messaging.outgoing import TRACE_ATTRIBUTE, with_trace
from shared.messaging.protocol import Outgoing, Publisher
from shared.telemetry import spans, trace
from shared.telemetry.span import Value


class TracedPublisher:
    """A `Publisher`: sends each message in a span of its own, which its consumer continues.

    The span belongs to the trace that the message names: its run's trace, even if a sweep or a
    person publishes the message again. Their own span is then linked to it.
    """

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """See `Publisher`."""
        if not spans.is_recording():
            self._publisher.publish(messages)
            return
        with ExitStack() as stack:
            here = trace.traceparent()
            ours = [with_trace(message) for message in messages]
            self._publisher.publish([_in_own_span(stack, message, here) for message in ours])


def _in_own_span(stack: ExitStack, message: Outgoing, here: str | None) -> Outgoing:
    """The message as sent from the span `here`, which stays open with the stack."""
    parent = message.attributes.get(TRACE_ATTRIBUTE)
    span_attributes: dict[str, Value] = {
        "messaging.operation.type": "send",
        "messaging.destination.name": message.topic,
        "messaging.message.body.size": len(message.body),
    }
    span = stack.enter_context(spans.publication(f"send {message.topic}", span_attributes, parent))
    if here != parent:
        span.link(here)
    attributes = {**message.attributes, TRACE_ATTRIBUTE: trace.traceparent() or ""}
    return replace(message, attributes=attributes)
