"""Compares existing topics and subscriptions with the topology. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from shared.messaging.pubsub import connection
from shared.messaging.pubsub.connection import subscription_path, topic_path
from shared.messaging.pubsub.provision import SubscriptionSpec

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient, SubscriberClient

TIMEOUT_SECONDS = 10.0


def differences(
    topics: Iterable[str],
    subscriptions: Iterable[SubscriptionSpec],
    *,
    project: str,
    emulator_host: str | None = None,
) -> list[str]:
    """A sentence for each topic or subscription that is missing or configured otherwise.

    Raises the errors of Google's client if Pub/Sub does not answer.
    """
    publisher = connection.publisher_client(emulator_host)
    subscriber = connection.subscriber_client(emulator_host)
    try:
        found = [*_missing_topics(publisher, project, topics)]
        for spec in subscriptions:
            found += _wired_otherwise(subscriber, project, spec)
        return found
    finally:
        publisher.transport.close()  # type: ignore[no-untyped-call]
        subscriber.transport.close()  # type: ignore[no-untyped-call]


def _missing_topics(
    publisher: PublisherClient, project: str, topics: Iterable[str]
) -> Iterator[str]:
    from google.api_core.exceptions import NotFound

    for name in topics:
        try:
            publisher.get_topic(
                topic=topic_path(project, name), retry=None, timeout=TIMEOUT_SECONDS
            )
        except NotFound:
            yield f"There is no topic {name}."


def _wired_otherwise(
    subscriber: SubscriberClient, project: str, spec: SubscriptionSpec
) -> Iterator[str]:
    from google.api_core.exceptions import NotFound

    try:
        found: Any = subscriber.get_subscription(
            subscription=subscription_path(project, spec.name),
            retry=None,
            timeout=TIMEOUT_SECONDS,
        )
    except NotFound:
        yield f"There is no subscription {spec.name}."
        return
    if found.topic != topic_path(project, spec.topic):
        yield f"{spec.name} listens to {_last(found.topic)}, not to {spec.topic}."
    if not found.push_config.push_endpoint:
        yield f"{spec.name} pushes to no function."
    if found.ack_deadline_seconds < spec.ack_deadline_seconds:
        yield (
            f"{spec.name} is redelivered after {found.ack_deadline_seconds} s, before its function "
            f"may be done ({spec.ack_deadline_seconds} s)."
        )
    dead = found.dead_letter_policy.dead_letter_topic
    if spec.dead_letter_topic and dead != topic_path(project, spec.dead_letter_topic):
        goes = f"to {_last(dead)}" if dead else "nowhere"
        yield f"Dead letters of {spec.name} go {goes}, not to {spec.dead_letter_topic}."


def _last(path: str) -> str:
    return path.rpartition("/")[2]
