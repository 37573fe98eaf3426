"""S3 events, by every route in docs/deploy.md, reach probe_video as uploads."""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.dev.pubsub_server import PubSubServer
from infra.aws import forward_event
from shared.http.events.decode import decode
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import Delivery, Outcome
from shared.messaging.in_process.broker import MemoryBroker
from shared.messaging.pubsub.provision import SubscriptionSpec
from tests.support.google.credentials import sign_in
from tests.support.google.fake import GoogleFake, serving
from tests.support.patience import PATIENCE_SECONDS

EVENTS = Path(__file__).resolve().parents[2] / "events"
TOPIC = "video-uploaded"
# What a Lambda function is called with: by S3 itself, by SNS, by a queue, by a rule of EventBridge.
WAYS = {
    "S3": "s3_object_created",
    "S3 without versions": "s3_object_created_unversioned",
    "SNS": "sns_record",
    "SQS": "s3_through_sqs_batch",
    "EventBridge": "s3_event_bridge_created",
}
Pushed = queue.Queue[tuple[Mapping[str, str], bytes]]


def event(name: str) -> dict[str, Any]:
    """A stored payload in the form that AWS delivers."""
    found: dict[str, Any] = json.loads((EVENTS / f"{name}.json").read_text())["body"]
    return found


def uploads(headers: Mapping[str, str], body: bytes) -> list[tuple[str, str | None]]:
    """URL and generation of each upload that probe_video reads in a request."""
    found = decode(headers, body, (VideoUploaded,))
    messages = [item.message for item in found if isinstance(item, Delivery)]
    return [(m.source_url, m.generation) for m in messages if isinstance(m, VideoUploaded)]


@pytest.fixture
def pushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pushed]:
    """Pub/Sub's push to probe_video, after the forwarding function has published."""
    found: Pushed = queue.Queue()
    broker = MemoryBroker(workers=1)

    def push(headers: Mapping[str, str], body: bytes) -> Outcome:
        found.put((headers, body))
        return Outcome.DONE

    broker.create_topic(TOPIC)
    broker.subscribe(SubscriptionSpec(f"{TOPIC}.probe_video", TOPIC), push)
    with serving(GoogleFake({})) as google, PubSubServer(broker) as server:
        sign_in(monkeypatch, tmp_path, f"{google.url}/token")
        monkeypatch.setenv("PUBSUB_ENDPOINT", server.endpoint)
        monkeypatch.setenv("TOPIC", f"projects/my-project/topics/{TOPIC}")
        forward_event.session.cache_clear()
        yield found
    broker.close(1.0)
    forward_event.session.cache_clear()


@pytest.mark.parametrize("way", list(WAYS))
def test_forward_event_delivers_s3_events_through_pubsub(pushed: Pushed, way: str) -> None:
    """probe_video reads every object, with name and version, as if S3 had called it itself."""
    told = event(WAYS[way])
    forward_event.handler(told)
    headers, body = pushed.get(timeout=PATIENCE_SECONDS)
    direct = uploads({"Content-Type": "application/json"}, json.dumps(told).encode())
    assert direct
    assert all(url.startswith("s3://") and generation for url, generation in direct)
    assert uploads(headers, body) == direct


def test_forward_event_raises_when_pubsub_refuses_the_message(
    pushed: Pushed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function fails, so that AWS calls it again and loses no event."""
    monkeypatch.setenv("TOPIC", "projects/my-project/topics/no-such-topic")
    with pytest.raises(requests.HTTPError):
        forward_event.handler(event("s3_object_created"))
