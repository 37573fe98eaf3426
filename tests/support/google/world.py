"""A healthy deployment in the words of Google's APIs."""

from __future__ import annotations

import copy

from functions.main import TOPOLOGY
from shared.domain.documents import Json
from shared.pipeline.stage import Function
from tests.support.google.place import (
    IMAGES,
    KEY,
    POLICIES,
    PROJECT,
    PUBSUB,
    PUSH,
    REGION,
    RUN,
    SCHEDULER,
    SECRET,
    SECRETS,
    SERIES,
    SQL,
    STATE,
    ago,
    policy,
    service_name,
)


def outputs() -> Json:
    """Terraform's outputs."""
    deployment = {
        "environment": "dev",
        "project": PROJECT,
        "region": REGION,
        "name": "vm",
        "images": IMAGES,
        "functions": {f.name: {"service": service_name(f.name)} for f in TOPOLOGY.functions},
        "secrets": {KEY: {"id": SECRET}},
        "push_account": PUSH,
        "database_instance": "vm-dev",
        "migration_job": "vm-migrate",
        "sweep_job": "vm-sweep",
    }
    return {"deployment": {"value": deployment, "type": ["object", {}]}}


def healthy() -> dict[str, Json]:
    """Every answer of a healthy deployment."""
    subscriptions = [f"projects/{PROJECT}/subscriptions/{s.name}" for s in TOPOLOGY.subscriptions]
    found: dict[str, Json] = {
        STATE: {"version": 4, "terraform_version": "1.11.4", "outputs": outputs()},
        SQL: {
            "name": "vm-dev",
            "state": "RUNNABLE",
            "settings": {"activationPolicy": "ALWAYS"},
        },
        f"{SQL}/backupRuns": {"items": [{"id": "1", "status": "SUCCESSFUL"}]},
        f"{RUN}/services": {"services": [_service(f) for f in TOPOLOGY.functions]},
        f"{RUN}/jobs/vm-migrate": {"name": "vm-migrate", "executionCount": 3},
        f"{RUN}/jobs/vm-migrate/executions": {
            "executions": [
                _execution("status", ["status"], 5, "CONDITION_FAILED", IMAGES["media"]),
                _execution("new", ["db", "upgrade"], 10, "CONDITION_SUCCEEDED", IMAGES["media"]),
                _execution("old", ["db", "upgrade"], 99, "CONDITION_FAILED", "media:before"),
            ]
        },
        SCHEDULER: {"name": "vm-sweep", "state": "ENABLED", "lastAttemptTime": ago(1)},
        f"{SECRETS}/versions": {"versions": [{"name": "versions/1", "state": "ENABLED"}]},
        f"{PUBSUB}/subscriptions": {
            "subscriptions": [{"name": name, "state": "ACTIVE"} for name in subscriptions]
        },
        f"{SERIES}oldest_unacked_message_age": {"timeSeries": [series("sweep-requested.sweep", 9)]},
        f"{SERIES}dead_letter_message_count": {
            "timeSeries": [series("clip-cut.make_thumbnail", 0)]
        },
        **{address: policy("roles/owner", "user:ada@example.com") for address in POLICIES},
    }
    return copy.deepcopy(found)


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


def _service(function: Function) -> Json:
    name = service_name(function.name)
    revision = f"projects/{PROJECT}/locations/{REGION}/services/{name}/revisions/{name}-00002"
    return {
        "name": f"projects/{PROJECT}/locations/{REGION}/services/{name}",
        "template": {"containers": [{"image": IMAGES[function.resources.image]}]},
        "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
        "latestReadyRevision": revision,
        "latestCreatedRevision": revision,
        "trafficStatuses": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
    }


def _execution(name: str, args: list[str], minutes: int, state: str, image: str) -> Json:
    return {
        "name": f"projects/{PROJECT}/locations/{REGION}/jobs/vm-migrate/executions/{name}",
        "createTime": ago(minutes),
        "conditions": [{"type": "Completed", "state": state, "message": "The container exited."}],
        "template": {"containers": [{"image": image, "args": args}]},
    }
