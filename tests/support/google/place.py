"""The names of the fake's deployment, and its addresses in Google's APIs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from functions.main import TOPOLOGY
from shared.domain.documents import Json

PROJECT = "my-project"
REGION = "europe-west1"
IMAGES = {"media": "europe/images/media:b1", "speech": "europe/images/speech:b1"}
KEY = "VIDEOMOMENTS_LLM_API_KEY"
SECRET = "vm-videomoments-llm-api-key"
RUN = f"run.googleapis.com/v2/projects/{PROJECT}/locations/{REGION}"
PUBSUB = f"pubsub.googleapis.com/v1/projects/{PROJECT}"
SQL = f"sqladmin.googleapis.com/v1/projects/{PROJECT}/instances/vm-dev"
SCHEDULER = f"cloudscheduler.googleapis.com/v1/projects/{PROJECT}/locations/{REGION}/jobs/vm-sweep"
SECRETS = f"secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets/{SECRET}"
SERIES = f"monitoring.googleapis.com/v3/projects/{PROJECT}/timeSeries"
STATE_BUCKET = f"{PROJECT}-vm-state"
STATE = f"storage.googleapis.com/storage/v1/b/{STATE_BUCKET}/o/videomoments/default.tfstate"


def service_name(function: str) -> str:
    """The name of a Cloud Run service."""
    return f"vm-{function.replace('_', '-')}"


def email(name: str) -> str:
    """The address of a service account."""
    return f"{name}@{PROJECT}.iam.gserviceaccount.com"


PUSH = email("vm-push-invoker")
POLICIES = (
    f"cloudresourcemanager.googleapis.com/v3/projects/{PROJECT}:getIamPolicy",
    f"iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts/{PUSH}:getIamPolicy",
    f"{SECRETS}:getIamPolicy",
    *(f"{PUBSUB}/topics/{name}:getIamPolicy" for name in TOPOLOGY.messages),
    *(f"{PUBSUB}/subscriptions/{s.name}:getIamPolicy" for s in TOPOLOGY.subscriptions),
    *(f"{RUN}/services/{service_name(f.name)}:getIamPolicy" for f in TOPOLOGY.functions),
)
"""The addresses of every policy that can open a resource to everybody."""


def policy(role: str, *members: str) -> Json:
    """An answer of getIamPolicy."""
    return {
        "version": 1,
        "etag": "BwYAAA==",
        "bindings": [{"role": role, "members": list(members)}],
    }


def ago(minutes: int) -> str:
    """A time in the past, in Google's form."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
