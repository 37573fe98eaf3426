"""One message on its way to one subscription of the in-process broker."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from shared.messaging.protocol import Outgoing
from shared.messaging.pubsub.provision import SubscriptionSpec

PROJECT = "local"
_SOURCE = "CloudPubSubDeadLetterSource"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True)
class Parcel:
    """A message for a subscription; `attempt` counts its deliveries from 1."""

    subscription: str
    message: Outgoing
    message_id: str
    attempt: int = 1
    published_at: str = field(default_factory=_now)

    def next_attempt(self) -> Parcel:
        """The next attempt to deliver it."""
        return replace(self, attempt=self.attempt + 1)


def push_body(parcel: Parcel) -> bytes:
    """The body of the push request that Pub/Sub would send."""
    message = {
        "data": base64.b64encode(parcel.message.body).decode(),
        "attributes": dict(parcel.message.attributes),
        "messageId": parcel.message_id,
        "message_id": parcel.message_id,
        "publishTime": parcel.published_at,
        "publish_time": parcel.published_at,
    }
    if parcel.message.ordering_key:
        message["orderingKey"] = parcel.message.ordering_key
    request = {
        "message": message,
        "subscription": f"projects/{PROJECT}/subscriptions/{parcel.subscription}",
        "deliveryAttempt": parcel.attempt,
    }
    return json.dumps(request).encode()


def dead_letter(parcel: Parcel, topic: str) -> Outgoing:
    """The message as Pub/Sub forwards it, with the attributes that Pub/Sub adds."""
    attributes = {
        **parcel.message.attributes,
        f"{_SOURCE}DeliveryCount": str(parcel.attempt),
        f"{_SOURCE}Subscription": parcel.subscription,
        f"{_SOURCE}SubscriptionProject": PROJECT,
        f"{_SOURCE}TopicPublishTime": parcel.published_at,
    }
    return Outgoing(topic, parcel.message.body, attributes, parcel.message.ordering_key)


def backoff_seconds(spec: SubscriptionSpec, attempt: int, jitter: float) -> float:
    """The pause after a refused attempt: it doubles, within the bounds, give or take `jitter`."""
    doubled = spec.min_backoff_seconds * 2.0 ** min(attempt - 1, 60)
    noise = 1 + random.uniform(-jitter, jitter)  # noqa: S311 - spreads load, hides nothing
    return min(spec.max_backoff_seconds, doubled * noise)
