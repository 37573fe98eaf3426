"""The topics, services, database and buckets of a healthy deployment."""

from __future__ import annotations

from functions.main import TOPOLOGY
from shared.domain.documents import Json
from shared.pipeline.stage import Function
from shared.pipeline.topology import MAX_DELIVERY_ATTEMPTS, Subscription, published_topics
from tests.support.google.place import (
    DERIVED,
    IMAGES,
    KEY,
    MODELS,
    PROJECT,
    PUBSUB,
    PUBSUB_AGENT,
    PUSH,
    REGION,
    RUN,
    SECRET,
    SQL,
    STORAGE,
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


def account_names() -> list[str]:
    """The accounts that the deployment makes."""
    return [*(service_name(f.name) for f in TOPOLOGY.functions), "vm-push-invoker", "vm-migrator"]


def pubsub() -> dict[str, Json]:
    """Topics and subscriptions with their grants."""
    topics = {name: f"projects/{PROJECT}/topics/{name}" for name in TOPOLOGY.messages}
    found: dict[str, Json] = {
        f"{PUBSUB}/topics": {"topics": [{"name": n} for n in topics.values()]}
    }
    for topic in topics:
        members = [
            member(service_name(f.name))
            for f in TOPOLOGY.functions
            if topic in published_topics(TOPOLOGY, f)
        ]
        members += {"video-uploaded": [STORAGE_AGENT], "dead-letters": [PUBSUB_AGENT]}.get(
            topic, []
        )
        key = f"{PUBSUB}/topics/{topic}:getIamPolicy"
        found[key] = policy(("roles/pubsub.publisher", members))
    found[f"{PUBSUB}/subscriptions"] = {
        "subscriptions": [_subscription(topics, s) for s in TOPOLOGY.subscriptions]
    }
    for subscription in TOPOLOGY.subscriptions:
        agent = [PUBSUB_AGENT] if subscription.topic != "dead-letters" else []
        key = f"{PUBSUB}/subscriptions/{subscription.name}:getIamPolicy"
        found[key] = policy(("roles/pubsub.subscriber", agent))
    return found


def _subscription(topics: dict[str, str], wanted: Subscription) -> Json:
    url = url_of(wanted.function)
    found: Json = {
        "name": f"projects/{PROJECT}/subscriptions/{wanted.name}",
        "topic": topics[wanted.topic],
        "pushConfig": {
            "pushEndpoint": url,
            "oidcToken": {"serviceAccountEmail": PUSH, "audience": url},
        },
        "ackDeadlineSeconds": wanted.ack_deadline_seconds,
        "messageRetentionDuration": "604800s",
        "expirationPolicy": {},
        "retryPolicy": {"minimumBackoff": "10s", "maximumBackoff": "60s"},
        "state": "ACTIVE",
    }
    if wanted.topic != "dead-letters":
        found["deadLetterPolicy"] = {
            "deadLetterTopic": topics["dead-letters"],
            "maxDeliveryAttempts": MAX_DELIVERY_ATTEMPTS,
        }
    return found


def run() -> dict[str, Json]:
    """Services with their callers, and the migration job."""
    found: dict[str, Json] = {
        f"{RUN}/services": {"services": [_service(f) for f in TOPOLOGY.functions]},
        f"{RUN}/jobs/vm-migrate": {"name": "vm-migrate", "executionCount": 3},
        f"{RUN}/jobs/vm-migrate/executions": {
            "executions": [
                _execution("status", ["status"], 5, "CONDITION_FAILED", IMAGES["media"]),
                _execution("new", ["db", "upgrade"], 10, "CONDITION_SUCCEEDED", IMAGES["media"]),
                _execution("old", ["db", "upgrade"], 99, "CONDITION_FAILED", "media:before"),
            ]
        },
    }
    for function in TOPOLOGY.functions:
        key = f"{RUN}/services/{service_name(function.name)}:getIamPolicy"
        found[key] = policy(("roles/run.invoker", [f"serviceAccount:{PUSH}"]))
    return found


def _service(function: Function) -> Json:
    name, resources = service_name(function.name), function.resources
    revision = f"projects/{PROJECT}/locations/{REGION}/services/{name}/revisions/{name}-00002"
    env: list[Json] = [{"name": k, "value": v} for k, v in environment(function).items()]
    if function.name in MODELS:
        secret = {"secret": SECRET, "version": "latest"}
        env.append({"name": KEY, "valueSource": {"secretKeyRef": secret}})
    return {
        "name": f"projects/{PROJECT}/locations/{REGION}/services/{name}",
        "uri": url_of(function.name),
        "ingress": "INGRESS_TRAFFIC_INTERNAL_ONLY",
        "template": {
            "serviceAccount": email(name),
            "timeout": f"{resources.timeout_seconds + 30}s",
            "maxInstanceRequestConcurrency": resources.concurrency,
            "scaling": {"maxInstanceCount": 2},
            "containers": [
                {
                    "image": IMAGES[resources.image],
                    "env": env,
                    "resources": {
                        "limits": {"cpu": str(resources.cpu), "memory": f"{resources.memory_mib}Mi"}
                    },
                }
            ],
        },
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


def sql() -> dict[str, Json]:
    """The database instance."""
    users = [f"{name}@{PROJECT}.iam" for name in account_names()]
    return {
        SQL: {
            "name": "vm-dev",
            "state": "RUNNABLE",
            "settings": {
                "activationPolicy": "ALWAYS",
                "connectorEnforcement": "REQUIRED",
                "databaseFlags": [{"name": "cloudsql.iam_authentication", "value": "on"}],
                "ipConfiguration": {"ipv4Enabled": True},
                "backupConfiguration": {"enabled": True, "pointInTimeRecoveryEnabled": True},
            },
        },
        f"{SQL}/databases/videomoments": {"name": "videomoments"},
        f"{SQL}/users": {
            "items": [{"name": u, "type": "CLOUD_IAM_SERVICE_ACCOUNT"} for u in users]
        },
        f"{SQL}/backupRuns": {"items": [{"id": "1", "status": "SUCCESSFUL"}]},
    }


def buckets() -> dict[str, Json]:
    """Both buckets and the notification."""
    found: dict[str, Json] = {}
    roles = {
        UPLOADS: ("uploads", "roles/storage.objectViewer"),
        DERIVED: ("derived", "roles/storage.objectUser"),
    }
    for bucket, (need, role) in roles.items():
        found[f"{STORAGE}/{bucket}"] = {
            "name": bucket,
            "iamConfiguration": {
                "uniformBucketLevelAccess": {"enabled": True},
                "publicAccessPrevention": "enforced",
            },
            "lifecycle": {
                "rule": [
                    {
                        "action": {"type": "Delete"},
                        "condition": {"age": 14, "matchesPrefix": ["temporary/"]},
                    }
                ]
            },
        }
        members = [member(service_name(f.name)) for f in TOPOLOGY.functions if need in f.needs]
        found[f"{STORAGE}/{bucket}/iam"] = policy((role, members))
    notification = {
        "id": "1",
        "topic": f"//pubsub.googleapis.com/projects/{PROJECT}/topics/video-uploaded",
        "event_types": ["OBJECT_FINALIZE"],
        "payload_format": "JSON_API_V1",
    }
    found[f"{STORAGE}/{UPLOADS}/notificationConfigs"] = {"items": [notification]}
    return found
