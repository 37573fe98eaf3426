"""Faults of APIs, accounts, the database and the buckets."""

from __future__ import annotations

from tests.support.google.place import (
    ACCOUNTS,
    DERIVED,
    ENABLED,
    GRANTS,
    PUBSUB_AGENT,
    PUSH,
    RUN,
    SQL,
    STORAGE,
    UPLOADS,
    member,
)
from tests.support.google.planting import (
    CUT,
    PROBE,
    Answers,
    Fault,
    execution,
    gone,
    grant,
    ungrant,
)


def _drop_executions(a: Answers) -> None:
    found = a[f"{RUN}/jobs/vm-migrate/executions"]
    found["executions"] = found["executions"][:1]


GROUND: dict[str, Fault] = {
    "API is off": Fault(
        lambda a: a[ENABLED]["services"][1].update(state="DISABLED"),
        "API run.googleapis.com",
        "is not enabled",
        "gcloud services enable run.googleapis.com",
    ),
    "account is missing": Fault(
        lambda a: a[ACCOUNTS]["accounts"].pop(0), "account vm-start-pipeline", "is not there"
    ),
    "account is disabled": Fault(
        lambda a: a[ACCOUNTS]["accounts"][0].update(disabled=True),
        "account vm-start-pipeline",
        "is disabled",
        "gcloud iam service-accounts enable vm-start-pipeline@",
    ),
    "tokens cannot be signed": Fault(
        lambda a: a.update({f"{ACCOUNTS}/{PUSH}:getIamPolicy": {"etag": "ACAB"}}),
        "account vm-push-invoker",
        "lacks roles/iam.serviceAccountOpenIdTokenCreator",
        f"--member={PUBSUB_AGENT}",
    ),
    "no way into the database": Fault(
        ungrant(GRANTS, "roles/cloudsql.instanceUser", CUT),
        "project",
        "cut_clip lacks roles/cloudsql.instanceUser",
    ),
    "model is not to be asked": Fault(
        ungrant(GRANTS, "roles/aiplatform.user", member("vm-score-moments")),
        "project",
        "score_moments lacks roles/aiplatform.user",
    ),
    "telemetry is not to be written": Fault(
        ungrant(GRANTS, "roles/telemetry.tracesWriter", CUT),
        "project",
        "cut_clip lacks roles/telemetry.tracesWriter",
    ),
    "project is public": Fault(
        grant(GRANTS, "roles/viewer", "allUsers"),
        "project",
        "is public",
        "gcloud projects remove-iam-policy-binding my-project --member=allUsers",
    ),
    "instance is missing": Fault(gone(SQL), "database", "the instance vm-dev is not there"),
    "instance was stopped": Fault(
        lambda a: a[SQL]["settings"].update(activationPolicy="NEVER"),
        "database",
        "was stopped",
        "--activation-policy=ALWAYS",
    ),
    "instance has failed": Fault(
        lambda a: a[SQL].update(state="FAILED"), "database", "FAILED", "gcloud sql operations list"
    ),
    "no IAM users": Fault(
        lambda a: a[SQL]["settings"].update(databaseFlags=[]), "database", "takes no IAM users"
    ),
    "networks are let in": Fault(
        lambda a: a[SQL]["settings"]["ipConfiguration"].update(
            authorizedNetworks=[{"value": "0.0.0.0/0"}]
        ),
        "database",
        "past the connector",
    ),
    "connector is not required": Fault(
        lambda a: a[SQL]["settings"].update(connectorEnforcement="NOT_REQUIRED"),
        "database",
        "without the connector",
    ),
    "no backups": Fault(
        lambda a: a[SQL]["settings"]["backupConfiguration"].update(enabled=False),
        "database",
        "is not backed up",
    ),
    "no recovery": Fault(
        lambda a: a[SQL]["settings"]["backupConfiguration"].update(
            pointInTimeRecoveryEnabled=False
        ),
        "database",
        "to a point in time",
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
    "database is missing": Fault(
        gone(f"{SQL}/databases/videomoments"), "database", "holds no database videomoments"
    ),
    "user is missing": Fault(
        lambda a: a[f"{SQL}/users"]["items"].pop(0), "database", "no user for start_pipeline"
    ),
    "migration job is missing": Fault(
        gone(f"{RUN}/jobs/vm-migrate"), "migration", "the job vm-migrate is not there"
    ),
    "never migrated": Fault(
        _drop_executions, "migration", "was never run", "gcloud run jobs execute vm-migrate"
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
    "bucket is missing": Fault(
        lambda a: (a.pop(f"{STORAGE}/{DERIVED}"), a.pop(f"{STORAGE}/{DERIVED}/iam")),
        f"bucket {DERIVED}",
        "is not there",
    ),
    "access lists": Fault(
        lambda a: a[f"{STORAGE}/{UPLOADS}"]["iamConfiguration"].pop("uniformBucketLevelAccess"),
        f"bucket {UPLOADS}",
        "access lists",
        "--uniform-bucket-level-access",
    ),
    "bucket may be public": Fault(
        lambda a: a[f"{STORAGE}/{DERIVED}"]["iamConfiguration"].update(
            publicAccessPrevention="inherited"
        ),
        f"bucket {DERIVED}",
        "may be made public",
        "--public-access-prevention",
    ),
    "bucket is public": Fault(
        grant(f"{STORAGE}/{UPLOADS}/iam", "roles/storage.objectViewer", "allAuthenticatedUsers"),
        f"bucket {UPLOADS}",
        "is public: allAuthenticatedUsers",
        f"gcloud storage buckets remove-iam-policy-binding gs://{UPLOADS}",
    ),
    "slices stay": Fault(
        lambda a: a[f"{STORAGE}/{DERIVED}"].pop("lifecycle"), f"bucket {DERIVED}", "never deleted"
    ),
    "uploads cannot be read": Fault(
        ungrant(f"{STORAGE}/{UPLOADS}/iam", "roles/storage.objectViewer", PROBE),
        f"bucket {UPLOADS}",
        "vm-probe-video@my-project lacks roles/storage.objectViewer",
        f"--member={PROBE}",
    ),
    "no notification": Fault(
        lambda a: a[f"{STORAGE}/{UPLOADS}/notificationConfigs"].update(items=[]),
        "notification",
        "are told to nobody",
    ),
    "notification of some": Fault(
        lambda a: a[f"{STORAGE}/{UPLOADS}/notificationConfigs"]["items"][0].update(
            object_name_prefix="talks/"
        ),
        "notification",
        "only of some objects",
    ),
}
