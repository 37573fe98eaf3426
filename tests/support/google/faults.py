"""Faults of a running deployment, by what is wrong."""

from __future__ import annotations

from tests.support.google.place import (
    IMAGES,
    KEY,
    PROJECT,
    PUBSUB,
    PUSH,
    RUN,
    SCHEDULER,
    SECRETS,
    SERIES,
    SQL,
)
from tests.support.google.planting import Fault, execution, gone, item, public, service, without
from tests.support.google.world import series

CLIP = "moment-found.cut_clip"
DATABASE: dict[str, Fault] = {
    "instance is missing": Fault(gone(SQL), "database", "the instance vm-dev does not exist"),
    "instance was stopped": Fault(
        lambda a: a[SQL]["settings"].update(activationPolicy="NEVER"),
        "database",
        "was stopped",
        "--activation-policy=ALWAYS",
    ),
    "instance has failed": Fault(
        lambda a: a[SQL].update(state="FAILED"), "database", "FAILED", "gcloud sql operations list"
    ),
    "instance goes meanwhile": Fault(
        gone(f"{SQL}/backupRuns"), "database", "See the check Terraform"
    ),
    "backup has failed": Fault(
        lambda a: a[f"{SQL}/backupRuns"]["items"][0].update(
            status="FAILED", error={"message": "out of quota"}
        ),
        "database",
        "out of quota",
        "gcloud sql backups create",
        "warning",
    ),
    "migration job is missing": Fault(
        gone(f"{RUN}/jobs/vm-migrate"), "migration", "the job vm-migrate does not exist"
    ),
    "never migrated": Fault(
        lambda a: a[f"{RUN}/jobs/vm-migrate/executions"].update(
            executions=[execution(a, "/status")]
        ),
        "migration",
        "was never run",
        "gcloud run jobs execute vm-migrate",
    ),
    "migration has failed": Fault(
        lambda a: execution(a, "/new")["conditions"][0].update(state="CONDITION_FAILED"),
        "migration",
        "new failed: The container exited.",
        "gcloud run jobs executions describe new",
    ),
    "older migration": Fault(
        lambda a: execution(a, "/new")["template"]["containers"][0].update(image="media:old"),
        "migration",
        "last ran with media:old",
        "gcloud run jobs execute vm-migrate",
    ),
}
SERVICES: dict[str, Fault] = {
    "service is missing": Fault(
        without(f"{RUN}/services", "services", "/vm-cut-clip"),
        "service vm-cut-clip",
        "does not exist",
    ),
    "service is not ready": Fault(
        service(
            lambda s: s["terminalCondition"].update(
                state="CONDITION_FAILED", message="The container failed to start."
            )
        ),
        "service vm-cut-clip",
        "is not ready: The container failed to start.",
        "gcloud run services logs read vm-cut-clip",
    ),
    "revision of before": Fault(
        service(
            lambda s: s["trafficStatuses"][0].update(
                type="TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", revision="vm-cut-clip-00001"
            )
        ),
        "service vm-cut-clip",
        "requests go to vm-cut-clip-00001",
        state="warning",
    ),
    "another image": Fault(
        service(lambda s: s["template"]["containers"][0].update(image="media:old")),
        "service vm-cut-clip",
        f"runs the image media:old, not {IMAGES['media']}",
    ),
    "secret is missing": Fault(
        gone(f"{SECRETS}/versions", f"{SECRETS}:getIamPolicy"), f"secret {KEY}", "does not exist"
    ),
    "secret is empty": Fault(
        lambda a: a.update({f"{SECRETS}/versions": {}}),
        f"secret {KEY}",
        "is empty",
        "gcloud secrets versions add vm-videomoments-llm-api-key",
    ),
}
FLOW: dict[str, Fault] = {
    "schedule is missing": Fault(gone(SCHEDULER), "schedule", "the job vm-sweep does not exist"),
    "schedule is paused": Fault(
        lambda a: a[SCHEDULER].update(state="PAUSED"),
        "schedule",
        "vm-sweep is PAUSED",
        "gcloud scheduler jobs resume vm-sweep",
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
    "subscription is missing": Fault(
        without(f"{PUBSUB}/subscriptions", "subscriptions", CLIP),
        f"subscription {CLIP}",
        "does not exist",
    ),
    "subscription in error": Fault(
        lambda a: item(a, f"{PUBSUB}/subscriptions", "subscriptions", CLIP).update(
            state="RESOURCE_ERROR"
        ),
        f"subscription {CLIP}",
        "gets no messages",
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
PUBLIC: dict[str, Fault] = {
    "project is public": public(
        f"cloudresourcemanager.googleapis.com/v3/projects/{PROJECT}",
        "project",
        f"projects remove-iam-policy-binding {PROJECT} --member=allUsers",
    ),
    "everybody signs as the pusher": public(
        f"iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts/{PUSH}",
        "account vm-push-invoker",
        f"iam service-accounts remove-iam-policy-binding {PUSH}",
    ),
    "topic is public": public(
        f"{PUBSUB}/topics/clip-cut",
        "topic clip-cut",
        "pubsub topics remove-iam-policy-binding clip-cut",
    ),
    "subscription is public": public(
        f"{PUBSUB}/subscriptions/{CLIP}",
        f"subscription {CLIP}",
        f"pubsub subscriptions remove-iam-policy-binding {CLIP}",
    ),
    "secret is public": public(
        SECRETS, f"secret {KEY}", "secrets remove-iam-policy-binding", "allAuthenticatedUsers"
    ),
    "service is public": public(
        f"{RUN}/services/vm-cut-clip",
        "service vm-cut-clip",
        "run services remove-iam-policy-binding vm-cut-clip",
    ),
}
FAULTS = DATABASE | SERVICES | FLOW | PUBLIC
