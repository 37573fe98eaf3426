"""Creates or corrects topics and subscriptions, for the emulator and for tests.

In production Terraform creates them; both read the same declarations.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.messaging.pubsub import connection
from shared.messaging.pubsub.connection import subscription_path, topic_path

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient, SubscriberClient

_MUTABLE = ("ack_deadline_seconds", "push_config", "dead_letter_policy", "retry_policy")


@dataclass(frozen=True)
class SubscriptionSpec:
    """One subscription. Without `push_endpoint` consumers pull from it."""

    name: str
    topic: str
    push_endpoint: str | None = None
    ack_deadline_seconds: int = 600
    dead_letter_topic: str | None = None
    max_delivery_attempts: int = 5
    min_backoff_seconds: float = 10.0
    max_backoff_seconds: float = 60.0
    ordered: bool = False


def ensure(
    topics: Iterable[str],
    subscriptions: Iterable[SubscriptionSpec],
    *,
    project: str,
    emulator_host: str | None = None,
) -> None:
    """Create missing topics and subscriptions, and correct others. Idempotent."""
    wanted = list(subscriptions)
    names = {*topics, *(s.topic for s in wanted)}
    names |= {s.dead_letter_topic for s in wanted if s.dead_letter_topic}
    publisher = connection.publisher_client(emulator_host)
    subscriber = connection.subscriber_client(emulator_host)
    try:
        for name in sorted(names):
            _ensure_topic(publisher, topic_path(project, name))
        for spec in wanted:
            _ensure_subscription(subscriber, project, spec)
    finally:
        publisher.transport.close()  # type: ignore[no-untyped-call]
        subscriber.transport.close()  # type: ignore[no-untyped-call]


def _ensure_topic(publisher: PublisherClient, path: str) -> None:
    from google.api_core.exceptions import AlreadyExists

    try:
        publisher.create_topic(name=path)
    except AlreadyExists:
        return


def _ensure_subscription(
    subscriber: SubscriberClient, project: str, spec: SubscriptionSpec
) -> None:
    from google.api_core.exceptions import AlreadyExists

    wanted = _as_request(project, spec)
    try:
        subscriber.create_subscription(request=wanted)
    except AlreadyExists:
        mask = {"paths": list(_MUTABLE)}
        update = {key: wanted[key] for key in ("name", "topic", *_MUTABLE) if key in wanted}
        subscriber.update_subscription(request={"subscription": update, "update_mask": mask})


def _as_request(project: str, spec: SubscriptionSpec) -> dict[str, Any]:
    from google.protobuf.duration_pb2 import Duration

    def seconds(value: float) -> Duration:
        return Duration(seconds=int(value), nanos=int((value % 1) * 1e9))

    request: dict[str, Any] = {
        "name": subscription_path(project, spec.name),
        "topic": topic_path(project, spec.topic),
        "ack_deadline_seconds": spec.ack_deadline_seconds,
        "enable_message_ordering": spec.ordered,
        "retry_policy": {
            "minimum_backoff": seconds(spec.min_backoff_seconds),
            "maximum_backoff": seconds(spec.max_backoff_seconds),
        },
        # By default Pub/Sub deletes a subscription that is unused for a month.
        "expiration_policy": {},
    }
    if spec.push_endpoint:
        request["push_config"] = {"push_endpoint": spec.push_endpoint}
    if spec.dead_letter_topic:
        request["dead_letter_policy"] = {
            "dead_letter_topic": topic_path(project, spec.dead_letter_topic),
            "max_delivery_attempts": spec.max_delivery_attempts,
        }
    return request
