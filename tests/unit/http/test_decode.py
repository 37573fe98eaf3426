"""Decoding of every envelope that events arrive in, from payloads as the services send them."""

from __future__ import annotations

import json
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import shared.messages
from shared.http.events.decode import decode
from shared.messages import videos
from shared.messages.base import Message
from shared.messages.upkeep import SweepRequested
from shared.messages.videos import VideoProbed, VideoUploaded
from shared.messaging.delivery import DeadLetter, Delivery, Ignored
from shared.messaging.outgoing import outgoing

EVENTS = Path(__file__).resolve().parents[2] / "events"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CLOUD_TRACE = "00-bc6c4f7e0e4b4aa1b9f2e0d1c7a8f3d2-70e6fa9291f5ac4e-01"
PROBED = VideoProbed(
    pipeline="0f6f5c0e-5c0f-4b63-8a57-0f4f2a4ac001",
    video="f0e2c7d4-3a6e-4a41-9b36-2d9f3ea8b002",
    generation="1732147200123456",
)
GCS = ("gs://vm-videos/talks/red flower.mp4", "1732093921330000")
S3 = ("s3://vm-videos-eu/talks/red flower (1).mp4", "yd3d4HaWOT2zguDLvIQLU6ptDTwKBnQV")
ETAG = "2e3ad1e983318bbd8e73b080e2997980"


def event(name: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a stored payload."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())
    return found["headers"], json.dumps(found["body"]).encode()


def deliveries(name: str, *consumes: type[Message]) -> list[Delivery]:
    """The deliveries decoded from a stored payload."""
    found = decode(*event(name), consumes)
    assert all(isinstance(item, Delivery) for item in found)
    return [item for item in found if isinstance(item, Delivery)]


def sources(name: str) -> list[tuple[str, str | None]]:
    """URL and generation of each upload."""
    return [
        (item.message.source_url, item.message.generation)
        for item in deliveries(name, VideoUploaded)
        if isinstance(item.message, VideoUploaded)
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gcs_notification_finalize", [GCS]),
        ("gcs_notification_overwrite", [GCS]),
        ("gcs_notification_unwrapped", [GCS]),
        (
            "gcs_notification_finalize_no_payload",
            [("gs://vm-videos/talks/été 質問 #1+2.mp4", "1732093921330000")],
        ),
        ("eventarc_storage_finalized_binary", [GCS]),
        ("eventarc_storage_finalized_structured", [GCS]),
        ("s3_object_created", [S3]),
        ("s3_object_created_unversioned", [("s3://vm-videos-eu/talks/été + 1.mp4", ETAG)]),
        ("s3_through_sns", [S3]),
        ("sns_record", [S3]),
        (
            "s3_through_sqs_batch",
            [
                S3,
                ("s3://vm-videos-eu/b.mp4", S3[1]),
                ("s3://vm-videos-eu/c.mp4", ETAG),
                S3,
            ],
        ),
        (
            "s3_event_bridge_created",
            [("s3://vm-videos-eu/talks/red flower + 100%.mp4", "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e")],
        ),
    ],
)
def test_decode_reads_a_storage_event_of_each_store(
    name: str, expected: list[tuple[str, str | None]]
) -> None:
    """In each envelope the event names its object by its real name and generation."""
    assert sources(name) == expected


@pytest.mark.parametrize(
    "name",
    [
        "gcs_notification_delete",
        "gcs_notification_metadata_update",
        "gcs_notification_archive",
        "eventarc_storage_deleted_binary",
        "s3_object_removed",
        "s3_test_event",
        "s3_event_bridge_deleted",
        "sns_subscription_confirmation",
    ],
)
def test_decode_ignores_other_events_with_a_reason(name: str) -> None:
    """An event about anything but a finished object is ignored, not refused."""
    (found,) = decode(*event(name), (VideoUploaded,))
    assert isinstance(found, Ignored)
    assert found.reason


@pytest.mark.parametrize(
    ("name", "trace"),
    [
        ("pubsub_push", TRACE),
        ("pubsub_push_without_attributes", CLOUD_TRACE),
        ("pubsub_push_unwrapped", TRACE),
        ("pubsub_push_unwrapped_without_metadata", CLOUD_TRACE),
        ("eventarc_message_published_binary", TRACE),
        ("eventarc_message_published_structured", TRACE),
    ],
)
def test_decode_reads_a_message_from_each_envelope(name: str, trace: str) -> None:
    """The message is the same in every envelope, and keeps its trace."""
    (found,) = deliveries(name, VideoProbed)
    assert found.message == PROBED
    assert found.trace == trace


def test_decode_reads_the_metadata_of_a_push() -> None:
    """Attempt, subscription and ordering key are there, which functions-framework would drop."""
    (found,) = deliveries("pubsub_push", VideoProbed)
    assert (found.message_id, found.delivery_attempt) == ("12847366104533921", 2)
    assert found.subscription == "projects/video-moments/subscriptions/split-audio"
    assert found.ordering_key == PROBED.pipeline
    assert found.attributes["topic"] == "video-probed"


def test_decode_reads_the_metadata_of_an_unwrapped_push() -> None:
    """The headers give the same metadata, with the attributes' real names."""
    (found,) = deliveries("pubsub_push_unwrapped", VideoProbed)
    assert found.message_id == "12847366104533924"
    assert found.subscription == "projects/video-moments/subscriptions/split-audio"
    assert found.ordering_key == PROBED.pipeline
    assert found.attributes["topic"] == "video-probed"
    (gcs,) = deliveries("gcs_notification_unwrapped", VideoUploaded)
    assert gcs.attributes["objectGeneration"] == GCS[1]


def test_decode_reads_object_names_in_headers_as_utf8() -> None:
    """A server passes header bytes as Latin-1; the object's name is decoded as UTF-8."""
    headers = {
        "X-Goog-Pubsub-Message-Id": "1",
        "Eventtype": "OBJECT_FINALIZE",
        "Bucketid": "b",
        "Objectid": "talks/été 質問.mp4".encode().decode("latin-1"),
    }
    (found,) = decode(headers, b"", (VideoUploaded,))
    assert isinstance(found, Delivery)
    assert found.message == VideoUploaded(source_url="gs://b/talks/été 質問.mp4")


def test_decode_reads_a_batch_of_cloud_events() -> None:
    """Each CloudEvent of one request becomes a delivery."""
    headers, body = event("eventarc_storage_finalized_structured")
    headers = {**headers, "Content-Type": "application/cloudevents-batch+json"}
    found = decode(headers, b"[" + body + b", " + body + b"]", (VideoUploaded,))
    assert [item.message.subject for item in found if isinstance(item, Delivery)] == [GCS[0]] * 2


def test_decode_reads_the_receive_count_of_each_sqs_record() -> None:
    """Each SQS record keeps its own id and receive count."""
    found = deliveries("s3_through_sqs_batch", VideoUploaded)
    assert [item.delivery_attempt for item in found] == [1, 3, 3, 1]
    assert found[0].message_id == "059f36b4-87a3-44ab-83d2-661975830a7d"


def test_decode_accepts_a_message_without_data() -> None:
    """A message without required fields can come without data, as a scheduler sends it."""
    (found,) = deliveries("pubsub_push_empty_data", SweepRequested)
    assert found.message == SweepRequested()


def contracts() -> list[type[Message]]:
    """Every message class that a module of `shared.messages` declares."""
    for module in pkgutil.iter_modules(shared.messages.__path__, "shared.messages."):
        import_module(module.name)
    declared = [c for c in _subclasses(Message) if c.__module__.startswith("shared.messages.")]
    return sorted(declared, key=lambda contract: contract.topic)


def _subclasses(base: type[Message]) -> list[type[Message]]:
    below = [c for child in base.__subclasses__() for c in (child, *_subclasses(child))]
    return [c for c in below if "topic" in vars(c)]


@pytest.mark.parametrize("contract", contracts(), ids=lambda c: c.topic)
def test_decode_reads_and_writes_version_1_of_each_contract(contract: type[Message]) -> None:
    """Version 1 is read completely, and written so that a reader gets the same message."""
    golden = json.loads((EVENTS / "messages" / f"{contract.topic}.v1.json").read_text())
    message = contract.model_validate(golden)
    assert message.model_dump(mode="json", exclude_none=True, exclude_defaults=True) == {
        key: value for key, value in golden.items() if key != "schema_version"
    }
    sent = outgoing(message, stage="some_stage")
    assert sent.attributes["topic"] == contract.topic
    (found,) = decode({}, sent.body, (contract,))
    assert isinstance(found, Delivery)
    assert found.message == message


def test_golden_files_cover_every_contract() -> None:
    """The files and the contracts are the same set."""
    files = {path.name for path in (EVENTS / "messages").iterdir()}
    assert files == {f"{contract.topic}.v1.json" for contract in contracts()}


def test_decode_chooses_the_contract_by_topic() -> None:
    """The topic attribute decides among contracts; without it the first that fits wins."""
    both = (videos.VideoUploaded, videos.PipelineRequested)
    body = b'{"source_url": "gs://b/n"}'
    (first,) = decode({}, body, both)
    headers = {"X-Goog-Pubsub-Message-Id": "1", "topic": "pipeline-requested"}
    (second,) = decode(headers, body, both)
    assert isinstance(first, Delivery)
    assert isinstance(second, Delivery)
    assert isinstance(first.message, videos.VideoUploaded)
    assert isinstance(second.message, videos.PipelineRequested)


def test_decode_keeps_a_dead_letter_as_it_is() -> None:
    """A dead letter keeps its content, its subscription and its number of attempts."""
    (found,) = deliveries("pubsub_dead_letter", DeadLetter)
    letter = found.message
    assert isinstance(letter, DeadLetter)
    assert letter.text == '{"pipeline": garbage'
    assert (letter.source_subscription, letter.delivery_count) == ("split-audio", 5)
    assert (letter.subject, letter.attributes["topic"]) == ("12847366104536001", "video-probed")
