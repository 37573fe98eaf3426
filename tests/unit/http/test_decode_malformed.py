"""Malformed events are refused with a reason, and no other error is raised."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.errors import MalformedMessage
from shared.http.events.decode import decode
from shared.messages.clips import ClipCut
from shared.messages.videos import VideoProbed, VideoUploaded
from shared.messaging.delivery import DeadLetter, Delivery

CANARY = "a-secret-quote"


def push(data: object, **attributes: str) -> bytes:
    """The body of a push request around this data."""
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    message = {"data": base64.b64encode(raw).decode(), "attributes": attributes, "messageId": "1"}
    return json.dumps({"message": message, "subscription": "s"}).encode()


def wrapped(message: object) -> bytes:
    """The body of a push request around this message."""
    return json.dumps({"message": message, "subscription": "s"}).encode()


NESTED = json.dumps({"Type": "Notification", "TopicArn": "t", "Message": "{}"})
for _ in range(7):
    NESTED = json.dumps({"Type": "Notification", "TopicArn": "t", "Message": NESTED})

MALFORMED = {
    "empty": (b"", "body: no video-uploaded"),
    "text": (b"hello", "body: not JSON: Expecting value at line 1 column 1"),
    "cut": (b'{"source_url": "gs', "body: not JSON: Unterminated string"),
    "latin-1": (b'{"a": "\xe9"}', "body: not UTF-8 at byte 7"),
    "a number": (b"5", "body: expected a JSON object, found a number"),
    "an array": (b"[]", "body: expected a JSON object, found an array"),
    "null": (b"null", "body: expected a JSON object, found nothing"),
    "NaN": (b'{"a": NaN}', "body: not JSON: NaN is not JSON"),
    "too deep": (b"[" * 100_000, "body: not JSON: nested too deep"),
    "huge number": (b'{"a": ' + b"9" * 5000 + b"}", "body: not JSON: Exceeds the limit"),
    "wrong field": (b'{"source_url": 5}', "body: no video-uploaded (source_url: Input should be"),
    "message no object": (wrapped([1]), "body: no video-uploaded (source_url: Field required)"),
    "data no text": (wrapped({"data": 5}), "body.message.data: expected a base64 string"),
    "data no base64": (wrapped({"data": "%%"}), "body.message.data: not base64"),
    "data garbage": (push(b"\x00\x01"), "body.message.data: not JSON"),
    "attributes no text": (
        wrapped({"data": "", "attributes": {"a": 1}}),
        "body.message.attributes: every attribute must be a string",
    ),
    "another topic": (
        push({}, topic="clip-cut"),
        "attributes.topic: 'clip-cut', but this function takes video-uploaded",
    ),
    "no object name": (
        push({}, eventType="OBJECT_FINALIZE", bucketId="b"),
        "attributes.objectId: expected a string, found nothing",
    ),
    "record of something": (b'{"Records": [{"eventSource": "aws:ses"}]}', "body.Records[0]: a rec"),
    "record no object": (b'{"Records": [7]}', "body.Records[0]: expected a JSON object"),
    "sqs body garbage": (
        b'{"Records": [{"eventSource": "aws:sqs", "body": "x"}]}',
        "body.Records[0].body: not JSON",
    ),
    "key not UTF-8": (
        b'{"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",'
        b' "s3": {"bucket": {"name": "b"}, "object": {"key": "%FF"}}}]}',
        "body.Records[0].s3.object.key: not URL-encoded UTF-8",
    ),
    "wrapped for ever": (NESTED.encode(), "wrapped more than 6 times"),
    "cloud event data no object": (
        b'{"specversion": "1.0", "type": "t", "data": "x"}',
        "body.data: expected a JSON object, found a string",
    ),
}


@pytest.mark.parametrize(("body", "reason"), MALFORMED.values(), ids=MALFORMED.keys())
def test_decode_refuses_a_malformed_body_with_the_reason(body: bytes, reason: str) -> None:
    """The message names the fault and its place."""
    with pytest.raises(MalformedMessage) as caught:
        decode({}, body, (VideoUploaded,))
    assert reason in str(caught.value)


def test_decode_refuses_a_storage_event_at_a_function_without_uploads() -> None:
    """The message says that the function takes no uploads."""
    body = push({}, eventType="OBJECT_FINALIZE", bucketId="b", objectId="n")
    with pytest.raises(MalformedMessage, match="takes video-probed, clip-cut"):
        decode({}, body, (VideoProbed, ClipCut))


def test_decode_asks_for_json_when_an_event_is_protobuf() -> None:
    """If the headers do not suffice, the message says to set the Eventarc trigger to JSON."""
    headers = {
        "ce-type": "google.cloud.pubsub.topic.v1.messagePublished",
        "ce-specversion": "1.0",
        "content-type": "application/protobuf",
    }
    with pytest.raises(MalformedMessage, match="send JSON"):
        decode(headers, b"\x0a\x01b", (VideoUploaded,))


def test_decode_reads_a_storage_event_from_its_headers_when_the_body_is_protobuf() -> None:
    """Subject and source of an object's event suffice, whatever its body's format."""
    headers = {
        "ce-type": "google.cloud.storage.object.v1.finalized",
        "ce-specversion": "1.0",
        "ce-source": "//storage.googleapis.com/projects/_/buckets/vm-videos",
        "ce-subject": "objects/talk.mp4",
        "content-type": "application/protobuf",
    }
    (found,) = decode(headers, b"\x0a\x01b", (VideoUploaded,))
    assert isinstance(found, Delivery)
    assert found.message == VideoUploaded(source_url="gs://vm-videos/talk.mp4")


def test_decode_reads_a_storage_event_without_a_body() -> None:
    """Subject and source of the event still name the object."""
    headers = {
        "CE-Type": "google.cloud.storage.object.v1.finalized",
        "CE-SpecVersion": "1.0",
        "CE-Source": "//storage.googleapis.com/projects/_/buckets/vm-videos",
        "CE-Subject": "objects/talks/%C3%A9t%C3%A9.mp4",
    }
    (found,) = decode(headers, b"", (VideoUploaded,))
    assert isinstance(found, Delivery)
    assert found.message == VideoUploaded(source_url="gs://vm-videos/talks/été.mp4")


def test_decode_hides_values_in_its_reasons() -> None:
    """The reason does not leak the content of a refused body."""
    body = json.dumps({"pipeline": [CANARY], "video": {CANARY: CANARY}}).encode()
    with pytest.raises(MalformedMessage) as caught:
        decode({}, body, (VideoProbed,))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("body", [item[0] for item in MALFORMED.values()], ids=MALFORMED.keys())
def test_decode_accepts_any_dead_letter(body: bytes) -> None:
    """A dead letter that no function could read can still be recorded."""
    (found,) = decode({}, body, (DeadLetter,))
    assert isinstance(found, Delivery)
    assert isinstance(found.message, DeadLetter)
    assert found.message.subject


KEYS = st.sampled_from(
    [
        "message",
        "data",
        "attributes",
        "subscription",
        "Records",
        "eventSource",
        "body",
        "s3",
        "object",
        "key",
        "bucket",
        "name",
        "Sns",
        "Type",
        "TopicArn",
        "Message",
        "specversion",
        "type",
        "source",
        "detail",
        "detail-type",
        "kind",
        "Event",
        "eventName",
    ]
)
VALUES = st.sampled_from(
    ["", "aws:s3", "aws:sqs", "aws:sns", "1.0", "Notification", "aws.s3", "Object Created", "e30="]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None)
@given(JSON | st.binary(max_size=40), st.dictionaries(KEYS, VALUES, max_size=2))
def test_decode_raises_only_reject_for_any_input(value: object, headers: dict[str, str]) -> None:
    """Any input is decoded or refused, without another error."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    with suppress(MalformedMessage):
        decode(headers, body, (VideoUploaded, VideoProbed))
    decode(headers, body, (DeadLetter,))
