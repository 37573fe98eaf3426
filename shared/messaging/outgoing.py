"""From a message contract to an outgoing message."""

from __future__ import annotations

from dataclasses import replace

from shared.messages.base import Message
from shared.messaging.protocol import Outgoing
from shared.telemetry import trace

STAGE_ATTRIBUTE = "stage"
TOPIC_ATTRIBUTE = "topic"
TRACE_ATTRIBUTE = "traceparent"


def outgoing(
    message: Message,
    *,
    stage: str | None = None,
    ordering_key: str | None = None,
    traceparent: str | None = None,
) -> Outgoing:
    """The message as JSON, with the attributes that all our messages carry.

    With `stage`, only that stage handles it: the topic's other consumers acknowledge it unread.
    `traceparent` names the span that the message belongs to; by default the current one.
    """
    attributes = {
        TOPIC_ATTRIBUTE: message.topic,
        "schema_version": str(message.schema_version),
        "content-type": "application/json",
    }
    if stage is not None:
        attributes[STAGE_ATTRIBUTE] = stage
    if traceparent is not None:
        attributes[TRACE_ATTRIBUTE] = traceparent
    body = message.model_dump_json(exclude_none=True).encode()
    return with_trace(Outgoing(message.topic, body, attributes, ordering_key))


def with_trace(message: Outgoing) -> Outgoing:
    """The message with the current span's traceparent, unless it has one or no span is open."""
    span = trace.traceparent()
    if span is None or TRACE_ATTRIBUTE in message.attributes:
        return message
    return replace(message, attributes={**message.attributes, TRACE_ATTRIBUTE: span})
