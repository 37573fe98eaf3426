"""S3's events about new objects: direct, through SNS, through SQS, from EventBridge.

Formats: the S3 user guide, "Event message structure" and "EventBridge event message structure".
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_plus

from shared.http.events import bodies
from shared.http.events.bodies import (
    JsonObject,
    as_object,
    malformed,
    optional_count,
    optional_text,
)
from shared.http.events.envelope import Envelope
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import Ignored

_CARRIERS = ("aws:sns", "aws:sqs")


def is_records(value: JsonObject) -> bool:
    """Whether this is a list of records from S3 or from a carrier of its events."""
    return isinstance(value.get("Records"), list)


def is_carrier(record: JsonObject) -> bool:
    """Whether the record wraps another body: an SQS message or an SNS notification."""
    return _source(record) in _CARRIERS


def _source(record: JsonObject) -> str:
    return str(record.get("eventSource") or record.get("EventSource") or "")


def open_carrier(envelope: Envelope, record: JsonObject, where: str) -> Envelope:
    """The content of an SQS or SNS record. Raises `MalformedMessage`."""
    if _source(record) == "aws:sns":
        return open_sns(envelope, bodies.child(record, "Sns", where), f"{where}.Sns")
    counters = as_object(record.get("attributes") or {}, f"{where}.attributes")
    return envelope.inside(
        bodies.text(record, "body", where).encode(),
        f"{where}.body",
        attributes=_attributes(record.get("messageAttributes"), where, "stringValue"),
        message_id=optional_text(record, "messageId"),
        delivery_attempt=optional_count(counters.get("ApproximateReceiveCount")),
        subscription=optional_text(record, "eventSourceARN"),
        ordering_key=optional_text(counters, "MessageGroupId"),
    )


def is_sns(value: JsonObject) -> bool:
    """Whether this is the body of an SNS request."""
    return isinstance(value.get("Type"), str) and isinstance(value.get("TopicArn"), str)


def open_sns(envelope: Envelope, value: JsonObject, where: str) -> Envelope:
    """The content of an SNS notification. Raises `MalformedMessage`."""
    return envelope.inside(
        bodies.text(value, "Message", where).encode(),
        f"{where}.Message",
        attributes=_attributes(value.get("MessageAttributes"), where, "Value"),
        message_id=optional_text(value, "MessageId"),
    )


def _attributes(value: Any, where: str, field: str) -> dict[str, str]:
    items = as_object(value or {}, f"{where} attributes")
    texts = {k: v.get(field) for k, v in items.items() if isinstance(v, dict)}
    return {name: item for name, item in texts.items() if isinstance(item, str)}


def is_test_event(value: JsonObject) -> bool:
    """Whether this is S3's test event."""
    return value.get("Event") == "s3:TestEvent"


def is_event_bridge(value: JsonObject) -> bool:
    """Whether this is an EventBridge event from S3."""
    return value.get("source") == "aws.s3" and isinstance(value.get("detail-type"), str)


def from_event_bridge(envelope: Envelope, value: JsonObject) -> VideoUploaded | Ignored:
    """Read an EventBridge event, whose keys are not URL-encoded."""
    if value["detail-type"] != "Object Created":
        return envelope.ignored(f"an S3 event: {value['detail-type']}")
    detail = bodies.child(value, "detail", envelope.where)
    where = f"{envelope.where}.detail"
    item = bodies.child(detail, "object", where)
    bucket = bodies.text(bodies.child(detail, "bucket", where), "name", f"{where}.bucket")
    key = bodies.text(item, "key", f"{where}.object")
    return _upload(bucket, key, item, "version-id", "etag")


def from_record(envelope: Envelope, record: JsonObject, where: str) -> VideoUploaded | Ignored:
    """One record of an S3 event; its key is form-encoded (a space is `+`)."""
    if not _source(record).endswith(":s3"):
        raise malformed(where, f"a record of {_source(record) or 'unknown source'} is not accepted")
    name = bodies.text(record, "eventName", where).removeprefix("s3:")
    if not name.startswith("ObjectCreated:"):
        return envelope.ignored(f"an S3 event: {name}")
    s3 = bodies.child(record, "s3", where)
    item = bodies.child(s3, "object", f"{where}.s3")
    bucket = bodies.text(bodies.child(s3, "bucket", f"{where}.s3"), "name", f"{where}.s3.bucket")
    encoded = bodies.text(item, "key", f"{where}.s3.object")
    try:
        key = unquote_plus(encoded, errors="strict")
    except UnicodeDecodeError:
        raise malformed(f"{where}.s3.object.key", "not URL-encoded UTF-8") from None
    return _upload(bucket, key, item, "versionId", "eTag")


def _upload(
    bucket: str, key: str, item: JsonObject, version_field: str, etag_field: str
) -> VideoUploaded:
    # S3 names every version of a bucket with suspended versioning "null".
    version = optional_text(item, version_field)
    generation = version if version and version != "null" else optional_text(item, etag_field)
    return VideoUploaded(source_url=f"s3://{bucket}/{key}", generation=generation)
