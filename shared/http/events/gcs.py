"""Cloud Storage's events about objects, from a notification or from Eventarc.

Formats: https://cloud.google.com/storage/docs/pubsub-notifications, StorageObjectData of Eventarc.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from shared.http.events import bodies
from shared.http.events.bodies import JsonObject, malformed, optional_text
from shared.http.events.cloud_events import FINALIZED, STORAGE_PREFIX
from shared.http.events.envelope import Envelope
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import Ignored

_BUCKET_OF_SOURCE = re.compile(r"/buckets/([^/]+)")


def is_notification(attributes: Mapping[str, str]) -> bool:
    """Whether the attributes are those of a bucket's Pub/Sub notification."""
    return "eventType" in attributes and "bucketId" in attributes


def from_notification(envelope: Envelope) -> VideoUploaded | Ignored:
    """Read from the attributes alone: both payload formats have them."""
    event, where = envelope.attributes["eventType"], "attributes"
    if event != "OBJECT_FINALIZE":
        return envelope.ignored(f"a bucket's {event} event")
    bucket = bodies.text(envelope.attributes, "bucketId", where)
    name = bodies.text(envelope.attributes, "objectId", where)
    return _upload(bucket, name, envelope.attributes.get("objectGeneration"))


def is_storage_event(event_type: str | None) -> bool:
    """Whether a CloudEvent is about an object."""
    return (event_type or "").startswith(STORAGE_PREFIX)


def from_cloud_event(envelope: Envelope) -> VideoUploaded | Ignored:
    """Read from the body, or from subject and source without one."""
    if envelope.event_type != FINALIZED:
        return envelope.ignored(f"an event of type {envelope.event_type}")
    if envelope.data.strip():
        value = bodies.as_object(bodies.parse(envelope.data, envelope.where), envelope.where)
        return from_resource(value, envelope.where)
    bucket = _BUCKET_OF_SOURCE.search(envelope.event_source or "")
    kind, _, name = (envelope.event_subject or "").partition("/")
    if bucket is None or kind != "objects" or not name:
        raise malformed(envelope.where, "no data, and no object named by subject and source")
    return _upload(bucket[1], name, None)


def is_resource(value: JsonObject) -> bool:
    """Whether this is an object's JSON resource, without an event type."""
    return value.get("kind") == "storage#object"


def from_resource(value: JsonObject, where: str) -> VideoUploaded:
    """The object of a JSON resource. Raises `MalformedMessage`."""
    bucket = bodies.text(value, "bucket", where)
    return _upload(bucket, bodies.text(value, "name", where), optional_text(value, "generation"))


def _upload(bucket: str, name: str, generation: str | None) -> VideoUploaded:
    return VideoUploaded(source_url=f"gs://{bucket}/{name}", generation=generation or None)
