"""CloudEvents over HTTP, in binary, structured and batched mode, as Eventarc sends them.

Formats: https://cloud.google.com/eventarc/docs/cloudevents and the CloudEvents 1.0 HTTP binding.
"""

from __future__ import annotations

import base64
import binascii
import json
from urllib.parse import unquote

from shared.http.events.bodies import JsonObject, as_object, malformed, optional_text, text
from shared.http.events.envelope import Envelope

STORAGE_PREFIX = "google.cloud.storage.object.v1."
FINALIZED = STORAGE_PREFIX + "finalized"


def is_binary(headers: dict[str, str]) -> bool:
    """Whether the context attributes are in the headers."""
    return "ce-type" in headers and "ce-specversion" in headers


def is_structured(value: JsonObject) -> bool:
    """Whether this JSON object is a complete CloudEvent."""
    return isinstance(value.get("specversion"), str) and isinstance(value.get("type"), str)


def from_headers(envelope: Envelope) -> Envelope:
    """The event of a binary-mode request; header values are percent-encoded UTF-8."""
    headers = envelope.headers
    content_type = headers.get("content-type", "application/json")
    data = envelope.data if "json" in content_type else b""
    if data != envelope.data and not headers["ce-type"].startswith(STORAGE_PREFIX):
        raise malformed(envelope.where, f"content type {content_type} is not accepted, send JSON")
    return envelope.inside(
        data,  # Protobuf data is left out: subject and source name the object, too.
        envelope.where,
        message_id=headers.get("ce-id"),
        event_type=headers["ce-type"],
        event_subject=unquote(headers.get("ce-subject", "")),
        event_source=unquote(headers.get("ce-source", "")),
    )


def from_object(envelope: Envelope, value: JsonObject) -> Envelope:
    """The event of a structured-mode body. Raises `MalformedMessage`."""
    where = f"{envelope.where}.data"
    return envelope.inside(
        _data(value, where),
        where,
        message_id=optional_text(value, "id"),
        event_type=text(value, "type", envelope.where),
        event_subject=optional_text(value, "subject"),
        event_source=optional_text(value, "source"),
    )


def _data(value: JsonObject, where: str) -> bytes:
    encoded = value.get("data_base64")
    if encoded is None:
        data = value.get("data")
        return b"" if data is None else json.dumps(as_object(data, where)).encode()
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise malformed(f"{where}_base64", "not base64") from None
