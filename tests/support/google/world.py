"""A healthy deployment in the words of Google's APIs."""

from __future__ import annotations

import copy

from functions.main import TOPOLOGY
from shared.domain.documents import Json
from shared.pipeline.stage import Function
from tests.support.google.place import (
    ACCOUNTS,
    APIS,
    DERIVED,
    ENABLED,
    GRANTS,
    IMAGES,
    KEY,
    MODELS,
    NUMBER,
    PROJECT,
    PUBSUB_AGENT,
    PUSH,
    REGION,
    SCHEDULER,
    SECRET,
    SECRETS,
    SERIES,
    STATE,
    STORAGE_AGENT,
    UPLOADS,
    ago,
    email,
    environment,
    member,
    policy,
    service_name,
    url_of,
)
from tests.support.google.resources import account_names, buckets, pubsub, run, sql


def outputs() -> Json:
    """Terraform's outputs."""
    deployment = {
        "environment": "dev",
        "project": PROJECT,
        "region": REGION,
        "name": "vm",
        "apis": list(APIS),
        "images": IMAGES,
        "functions": {f.name: _deployed(f) for f in TOPOLOGY.functions},
        "secrets": {KEY: {"id": SECRET, "functions": MODELS}},
        "push_account": PUSH,
        "migrator_account": email("vm-migrator"),
        "migrator_user": f"vm-migrator@{PROJECT}.iam",
        "pubsub_agent": PUBSUB_AGENT,
        "storage_agent": STORAGE_AGENT,
        "upload_bucket": UPLOADS,
        "derived_bucket": DERIVED,
        "database_instance": "vm-dev",
        "database": "videomoments",
        "migration_job": "vm-migrate",
        "sweep_job": "vm-sweep",
        "use_vertex_ai": True,
        "exports_telemetry": True,
    }
    return {"deployment": {"value": deployment, "type": ["object", {}]}}


def _deployed(function: Function) -> Json:
    name = service_name(function.name)
    return {
        "service": name,
        "url": url_of(function.name),
        "account": email(name),
        "database_user": f"{name}@{PROJECT}.iam",
        "min_instances": 0,
        "max_instances": 2,
        "environment": environment(function),
    }


def healthy() -> dict[str, Json]:
    """Every answer of a healthy deployment."""
    found: dict[str, Json] = {
        STATE: {"version": 4, "terraform_version": "1.11.4", "outputs": outputs()},
        ENABLED: {"services": [_api(name) for name in APIS]},
        ACCOUNTS: {"accounts": [_account(name) for name in account_names()]},
        f"{ACCOUNTS}/{PUSH}:getIamPolicy": policy(
            ("roles/iam.serviceAccountOpenIdTokenCreator", [PUBSUB_AGENT])
        ),
        GRANTS: policy(
            ("roles/owner", ["user:ada@example.com"]),
            ("roles/cloudsql.client", _database_members()),
            ("roles/cloudsql.instanceUser", _database_members()),
            ("roles/aiplatform.user", [member(service_name(name)) for name in MODELS]),
            ("roles/telemetry.tracesWriter", _functions()),
            ("roles/telemetry.metricsWriter", _functions()),
        ),
        SCHEDULER: _sweep_job(),
        f"{SECRETS}/versions": {"versions": [{"name": "versions/1", "state": "ENABLED"}]},
        f"{SECRETS}:getIamPolicy": policy(
            (
                "roles/secretmanager.secretAccessor",
                [member(service_name(name)) for name in MODELS],
            )
        ),
        f"{SERIES}oldest_unacked_message_age": {"timeSeries": [series("sweep-requested.sweep", 9)]},
        f"{SERIES}dead_letter_message_count": {
            "timeSeries": [series("clip-cut.make_thumbnail", 0)]
        },
    }
    return copy.deepcopy(found | pubsub() | run() | sql() | buckets())


def series(subscription: str, value: int) -> Json:
    """One time series of Monitoring."""
    return {
        "metric": {"type": "pubsub.googleapis.com/subscription/x"},
        "resource": {
            "type": "pubsub_subscription",
            "labels": {"project_id": PROJECT, "subscription_id": subscription},
        },
        "points": [{"interval": {"endTime": ago(1)}, "value": {"int64Value": str(value)}}],
    }


def _database_members() -> list[str]:
    return [member(name) for name in account_names() if name != "vm-push-invoker"]


def _functions() -> list[str]:
    return [member(service_name(function.name)) for function in TOPOLOGY.functions]


def _api(name: str) -> Json:
    return {"name": f"projects/{NUMBER}/services/{name}", "state": "ENABLED"}


def _account(name: str) -> Json:
    return {"name": f"projects/{PROJECT}/serviceAccounts/{email(name)}", "email": email(name)}


def _sweep_job() -> Json:
    data = {"topicName": f"projects/{PROJECT}/topics/sweep-requested", "data": "e30="}
    state = {"state": "ENABLED", "schedule": "* * * * *", "timeZone": "Etc/UTC"}
    return {"name": "vm-sweep", "pubsubTarget": data, "lastAttemptTime": ago(1), **state}
