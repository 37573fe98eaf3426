"""The two forms of a Pub/Sub push: wrapped in JSON, and unwrapped into headers.

Formats: https://cloud.google.com/pubsub/docs/push and .../pubsub/docs/payload-unwrapping.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from shared.http.events.bodies import (
    JsonObject,
    as_object,
    malformed,
    optional_count,
    optional_text,
    text_map,
)
from shared.http.events.envelope import Envelope

_PREFIX = "x-goog-pubsub-"
_MESSAGE_FIELDS = {"data", "attributes", "messageId", "message_id", "publishTime", "publish_time"}
# In an unwrapped push each attribute is a header of its own, and header names lose their case.
_ATTRIBUTES = (
    "bucketId",
    "content-type",
    "eventTime",
    "eventType",
    "googclient_traceparent",
    "notificationConfig",
    "objectGeneration",
    "objectId",
    "overwrittenByGeneration",
    "overwroteGeneration",
    "payloadFormat",
    "schema_version",
    "stage",
    "topic",
    "traceparent",
)


def is_wrapped(value: JsonObject) -> bool:
    """Whether this JSON object is the wrapper of a push request."""
    message = value.get("message")
    return isinstance(message, dict) and ("subscription" in value or bool(_fields(message)))


def _fields(message: Mapping[str, Any]) -> set[str]:
    return _MESSAGE_FIELDS & message.keys()


def unwrap(envelope: Envelope, value: JsonObject) -> Envelope:
    """The message within a wrapped push. Raises `MalformedMessage`."""
    where = f"{envelope.where}.message"
    message = as_object(value["message"], where)
    return envelope.inside(
        _data(message.get("data"), f"{where}.data"),
        f"{where}.data",
        attributes=text_map(message.get("attributes"), f"{where}.attributes"),
        message_id=optional_text(message, "messageId", "message_id"),
        delivery_attempt=optional_count(value.get("deliveryAttempt")),
        subscription=optional_text(value, "subscription"),
        ordering_key=optional_text(message, "orderingKey", "ordering_key"),
    )


def _data(encoded: Any, where: str) -> bytes:
    if encoded is None:
        return b""
    if not isinstance(encoded, str):
        raise malformed(where, "expected a base64 string")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise malformed(where, "not base64") from None


def is_unwrapped(headers: Mapping[str, str]) -> bool:
    """Whether the headers are those of an unwrapped push with its metadata."""
    return any(name.startswith(_PREFIX) for name in headers)


def from_headers(envelope: Envelope) -> Envelope:
    """The envelope with the metadata and attributes in its headers."""
    headers = envelope.headers
    lower = {name.lower(): name for name in _ATTRIBUTES}
    attributes = {
        lower[name]: _header_text(value) for name, value in headers.items() if name in lower
    }
    meta = {
        name.removeprefix(_PREFIX): v for name, v in headers.items() if name.startswith(_PREFIX)
    }
    return envelope.inside(
        envelope.data,
        envelope.where,
        attributes=attributes,
        message_id=meta.get("message-id"),
        delivery_attempt=optional_count(meta.get("delivery-attempt")),
        subscription=meta.get("subscription-name"),
        ordering_key=meta.get("ordering-key"),
    )


def _header_text(value: str) -> str:
    """Decode a header: WSGI passes headers as Latin-1, whatever the bytes; ours are UTF-8."""
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
