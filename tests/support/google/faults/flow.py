"""Faults of topics, subscriptions, the schedule and messages."""

from __future__ import annotations

from tests.support.google.place import PUBSUB, PUBSUB_AGENT, SCHEDULER, SERIES, STORAGE_AGENT
from tests.support.google.planting import (
    CLIP,
    CUT,
    OTHER,
    Fault,
    gone,
    item,
    push,
    subscription,
    ungrant,
    without,
)
from tests.support.google.world import series

FLOW: dict[str, Fault] = {
    "topic is missing": Fault(
        without(f"{PUBSUB}/topics", "topics", "/clip-cut"), "topic clip-cut", "is not there"
    ),
    "publisher may not": Fault(
        ungrant(f"{PUBSUB}/topics/clip-cut:getIamPolicy", "roles/pubsub.publisher", CUT),
        "topic clip-cut",
        "vm-cut-clip@my-project lacks roles/pubsub.publisher",
        "gcloud pubsub topics add-iam-policy-binding clip-cut",
    ),
    "storage may not notify": Fault(
        ungrant(
            f"{PUBSUB}/topics/video-uploaded:getIamPolicy", "roles/pubsub.publisher", STORAGE_AGENT
        ),
        "topic video-uploaded",
        "gs-project-accounts lacks roles/pubsub.publisher",
        f"--member={STORAGE_AGENT}",
    ),
    "dead letters may not be sent": Fault(
        ungrant(
            f"{PUBSUB}/topics/dead-letters:getIamPolicy", "roles/pubsub.publisher", PUBSUB_AGENT
        ),
        "topic dead-letters",
        "gcp-sa-pubsub lacks roles/pubsub.publisher",
        f"--member={PUBSUB_AGENT}",
    ),
    "subscription is missing": Fault(
        without(f"{PUBSUB}/subscriptions", "subscriptions", CLIP),
        f"subscription {CLIP}",
        "is not there",
    ),
    "another topic": Fault(
        subscription(CLIP, topic="_deleted-topic_"), f"subscription {CLIP}", "not to moment-found"
    ),
    "subscription in error": Fault(
        subscription(CLIP, state="RESOURCE_ERROR"), f"subscription {CLIP}", "gets no messages"
    ),
    "another endpoint": Fault(
        lambda a: push(a, CLIP).update(pushEndpoint=OTHER), f"subscription {CLIP}", OTHER
    ),
    "another audience": Fault(
        lambda a: push(a, CLIP)["oidcToken"].update(audience=OTHER),
        f"subscription {CLIP}",
        f"signs for {OTHER}",
    ),
    "another pusher": Fault(
        lambda a: push(a, CLIP)["oidcToken"].update(serviceAccountEmail="me@example.com"),
        f"subscription {CLIP}",
        "pushes as me@example.com",
    ),
    "no token": Fault(
        lambda a: push(a, CLIP).pop("oidcToken"), f"subscription {CLIP}", "pushes as nobody"
    ),
    "short deadline": Fault(
        subscription(CLIP, ackDeadlineSeconds=10), f"subscription {CLIP}", "waits 10 s"
    ),
    "no pause": Fault(
        lambda a: item(a, f"{PUBSUB}/subscriptions", "subscriptions", CLIP).pop("retryPolicy"),
        f"subscription {CLIP}",
        "without any pause",
    ),
    "no dead letters": Fault(
        subscription(CLIP, deadLetterPolicy={}), f"subscription {CLIP}", "dead letters to nowhere"
    ),
    "few attempts": Fault(
        lambda a: item(a, f"{PUBSUB}/subscriptions", "subscriptions", CLIP)[
            "deadLetterPolicy"
        ].update(maxDeliveryAttempts=5),
        f"subscription {CLIP}",
        "gives up after 5 deliveries",
    ),
    "expires": Fault(
        subscription(CLIP, expirationPolicy={"ttl": "2678400s"}),
        f"subscription {CLIP}",
        "is deleted when nothing arrives",
    ),
    "dead letters cannot be forwarded": Fault(
        lambda a: a.update({f"{PUBSUB}/subscriptions/{CLIP}:getIamPolicy": {"etag": "ACAB"}}),
        f"subscription {CLIP}",
        "lacks roles/pubsub.subscriber",
        f"gcloud pubsub subscriptions add-iam-policy-binding {CLIP}",
    ),
    "schedule is missing": Fault(gone(SCHEDULER), "schedule", "the job vm-sweep is not there"),
    "schedule is paused": Fault(
        lambda a: a[SCHEDULER].update(state="PAUSED"),
        "schedule",
        "vm-sweep is PAUSED",
        "gcloud scheduler jobs resume vm-sweep",
    ),
    "schedule is another": Fault(
        lambda a: a[SCHEDULER].update(schedule="0 0 * * *"), "schedule", "at '0 0 * * *'"
    ),
    "schedule fails": Fault(
        lambda a: a[SCHEDULER].update(status={"code": 5, "message": "Topic not found"}),
        "schedule",
        "Topic not found",
        "gcloud scheduler jobs run vm-sweep",
    ),
    "schedule stands still": Fault(
        lambda a: a[SCHEDULER].update(lastAttemptTime="2026-01-01T00:00:00.5Z"),
        "schedule",
        "it last ran at 2026-01-01",
        "gcloud scheduler jobs run vm-sweep",
    ),
    "message waits": Fault(
        lambda a: a[f"{SERIES}oldest_unacked_message_age"].update(timeSeries=[series(CLIP, 7200)]),
        f"subscription {CLIP}",
        "a message waits for 120 minutes",
        "gcloud run services logs read vm-cut-clip",
    ),
    "dead letter waits": Fault(
        lambda a: a[f"{SERIES}oldest_unacked_message_age"].update(
            timeSeries=[series("dead-letters.record_failure", 3600)]
        ),
        "subscription dead-letters.record_failure",
        "a dead letter waits for 60 minutes",
        "gcloud run services logs read vm-record-failure",
    ),
    "messages died": Fault(
        lambda a: a[f"{SERIES}dead_letter_message_count"].update(
            timeSeries=[series(CLIP, 2), series("of-somebody-else", 5)]
        ),
        "dead letters",
        f"2 messages became dead letters in a day: {CLIP}",
        "gcloud run jobs execute vm-migrate",
        "warning",
    ),
}
