"""Decodes a request into deliveries, from every envelope that our events may arrive in.

Accepts Pub/Sub push (wrapped, unwrapped), a GCS notification through it, Eventarc CloudEvents
(binary, structured, batched), S3 events (direct, SNS, SQS, EventBridge), and a bare message.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from shared.errors import MalformedMessage
from shared.http.events import bodies, cloud_events, pubsub_push
from shared.http.events import gcs as gcs_events
from shared.http.events import s3 as aws_events
from shared.http.events.bodies import JsonObject, malformed
from shared.http.events.envelope import Envelope
from shared.messages.base import Message
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import DeadLetter, Delivery, Ignored
from shared.messaging.outgoing import TOPIC_ATTRIBUTE

Contracts = tuple[type[Message], ...]
Decoded = list[Delivery | Ignored]
_DEAD_LETTER_PREFIX = "CloudPubSubDeadLetterSource"


def decode(headers: Mapping[str, str], body: bytes, consumes: Contracts) -> Decoded:
    """Every message of a request, in order; `Ignored` for events that need no work.

    Pure. If the function consumes several contracts, the `topic` attribute names the body's;
    without it, the first one that validates applies. Raises `MalformedMessage` with place and
    fault.
    """
    envelope = Envelope(body, {name.lower(): value for name, value in headers.items()})
    if DeadLetter in consumes:
        return [_dead_letter(envelope)]
    return _read(_of_headers(envelope), consumes)


def _of_headers(envelope: Envelope) -> Envelope:
    headers = dict(envelope.headers)
    if cloud_events.is_binary(headers):
        return cloud_events.from_headers(envelope)
    if pubsub_push.is_unwrapped(headers):
        return pubsub_push.from_headers(envelope)
    return envelope


def _read(envelope: Envelope, consumes: Contracts) -> Decoded:
    if gcs_events.is_storage_event(envelope.event_type):
        return [_from_storage(envelope, gcs_events.from_cloud_event(envelope), consumes)]
    if gcs_events.is_notification(envelope.attributes):
        return [_from_storage(envelope, gcs_events.from_notification(envelope), consumes)]
    value = bodies.parse(envelope.data, envelope.where) if envelope.data.strip() else {}
    if isinstance(value, list) and "cloudevents-batch" in envelope.headers.get("content-type", ""):
        return _decode_batch(envelope, value, consumes)
    found = bodies.as_object(value, envelope.where)
    if TOPIC_ATTRIBUTE in envelope.attributes:
        return [envelope.delivery(_message(envelope, found, consumes))]
    return _decode_wrapped(envelope, found, consumes)


def _decode_batch(envelope: Envelope, events: list[Any], consumes: Contracts) -> Decoded:
    decoded: Decoded = []
    for index, item in enumerate(events):
        where = f"{envelope.where}[{index}]"
        event = bodies.as_object(item, where)
        if not cloud_events.is_structured(event):
            raise malformed(where, "not a CloudEvent")
        decoded += _read(cloud_events.from_object(envelope, event), consumes)
    return decoded


def _decode_wrapped(envelope: Envelope, value: JsonObject, consumes: Contracts) -> Decoded:
    if pubsub_push.is_wrapped(value):
        return _read(pubsub_push.unwrap(envelope, value), consumes)
    if cloud_events.is_structured(value):
        return _read(cloud_events.from_object(envelope, value), consumes)
    if aws_events.is_records(value):
        return _records(envelope, value["Records"], consumes)
    if aws_events.is_sns(value):
        if value["Type"] != "Notification":
            return [envelope.ignored(f"SNS sent a {value['Type']}: confirm it by hand")]
        return _read(aws_events.open_sns(envelope, value, envelope.where), consumes)
    return [_decode_one(envelope, value, consumes)]


def _decode_one(envelope: Envelope, value: JsonObject, consumes: Contracts) -> Delivery | Ignored:
    if aws_events.is_test_event(value):
        return envelope.ignored("S3 tests whether its events arrive")
    if aws_events.is_event_bridge(value):
        return _from_storage(envelope, aws_events.from_event_bridge(envelope, value), consumes)
    if gcs_events.is_resource(value):
        return _from_storage(envelope, gcs_events.from_resource(value, envelope.where), consumes)
    return envelope.delivery(_message(envelope, value, consumes))


def _records(envelope: Envelope, records: list[Any], consumes: Contracts) -> Decoded:
    decoded: Decoded = []
    for index, item in enumerate(records):
        where = f"{envelope.where}.Records[{index}]"
        record = bodies.as_object(item, where)
        if aws_events.is_carrier(record):
            decoded += _read(aws_events.open_carrier(envelope, record, where), consumes)
        else:
            found = aws_events.from_record(envelope, record, where)
            decoded.append(_from_storage(envelope, found, consumes))
    return decoded


def _from_storage(
    envelope: Envelope, found: VideoUploaded | Ignored, consumes: Contracts
) -> Delivery | Ignored:
    if isinstance(found, Ignored):
        return found
    if VideoUploaded not in consumes:
        raise malformed(envelope.where, f"a storage event, but {_expectation(consumes)}")
    return envelope.delivery(found)


def _message(envelope: Envelope, value: JsonObject, consumes: Contracts) -> Message:
    topic = envelope.attributes.get(TOPIC_ATTRIBUTE)
    candidates = [c for c in consumes if topic in (None, c.topic)]
    if not candidates:
        raise malformed("attributes.topic", f"{topic!r:.80}, but {_expectation(consumes)}")
    reasons = []
    for contract in candidates:
        try:
            return contract.model_validate(value)
        except ValidationError as error:
            reasons.append(f"no {contract.topic} ({_reasons(error)})")
    raise malformed(envelope.where, "; ".join(reasons))


def _expectation(consumes: Contracts) -> str:
    return "this function takes " + ", ".join(contract.topic for contract in consumes)


def _reasons(error: ValidationError) -> str:
    """The fault of each field, without the values, which may be private."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return ", ".join(
        f"{'.'.join(str(part) for part in item['loc']) or 'the whole'}: {item['msg']}"
        for item in found[:5]
    )


def _dead_letter(envelope: Envelope) -> Delivery:
    """The body as it is: a dead letter that cannot be decoded would die again, for ever."""
    try:
        opened = _opened_push(_of_headers(envelope))
    except MalformedMessage:
        opened = envelope
    attributes = dict(opened.attributes)
    letter = DeadLetter(
        text=opened.data.decode("utf-8", errors="replace"),
        attributes=attributes,
        message_id=opened.message_id,
        source_subscription=attributes.get(f"{_DEAD_LETTER_PREFIX}Subscription"),
        delivery_count=bodies.optional_count(attributes.get(f"{_DEAD_LETTER_PREFIX}DeliveryCount")),
    )
    return opened.delivery(letter)


def _opened_push(envelope: Envelope) -> Envelope:
    value = bodies.parse(envelope.data, envelope.where)
    if isinstance(value, dict) and cloud_events.is_structured(value):
        return _opened_push(cloud_events.from_object(envelope, value))
    if isinstance(value, dict) and pubsub_push.is_wrapped(value):
        return pubsub_push.unwrap(envelope, value)
    return envelope
