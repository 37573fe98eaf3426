"""Connects to Pub/Sub, or to the emulator that PUBSUB_EMULATOR_HOST names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.pubsub_v1 import PublisherClient, SubscriberClient


def publisher_client(emulator_host: str | None = None) -> PublisherClient:
    """A new client with its own connection. By default, the environment gives `emulator_host`."""
    from google.pubsub_v1 import PublisherClient
    from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport

    host = emulator_host or os.environ.get("PUBSUB_EMULATOR_HOST")
    if not host:
        return PublisherClient()
    return PublisherClient(transport=PublisherGrpcTransport(channel=_local_channel(host)))


def subscriber_client(emulator_host: str | None = None) -> SubscriberClient:
    """A new client with its own connection. By default, the environment gives `emulator_host`."""
    from google.pubsub_v1 import SubscriberClient
    from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport

    host = emulator_host or os.environ.get("PUBSUB_EMULATOR_HOST")
    if not host:
        return SubscriberClient()
    return SubscriberClient(transport=SubscriberGrpcTransport(channel=_local_channel(host)))


def topic_path(project: str, topic: str) -> str:
    """The topic's full name."""
    return f"projects/{project}/topics/{topic}"


def subscription_path(project: str, name: str) -> str:
    """The subscription's full name."""
    return f"projects/{project}/subscriptions/{name}"


def _local_channel(host: str) -> Any:
    """Unencrypted, and never through a proxy: the emulator is on this machine or near it."""
    import grpc  # type: ignore[import-untyped]

    return grpc.insecure_channel(host, options=[("grpc.enable_http_proxy", 0)])
