"""The names of the fake's deployment, and its addresses in Google's APIs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from functions.main import TOPOLOGY
from shared.domain.documents import Json
from shared.pipeline.stage import Function

PROJECT = "my-project"
REGION = "europe-west1"
NUMBER = "123456789012"
IMAGES = {"media": "europe/images/media:b1", "speech": "europe/images/speech:b1"}
UPLOADS, DERIVED = f"{PROJECT}-vm-uploads", f"{PROJECT}-vm-derived"
PUBSUB_AGENT = f"serviceAccount:service-{NUMBER}@gcp-sa-pubsub.iam.gserviceaccount.com"
STORAGE_AGENT = f"serviceAccount:service-{NUMBER}@gs-project-accounts.iam.gserviceaccount.com"
APIS = ("pubsub.googleapis.com", "run.googleapis.com", "sqladmin.googleapis.com")
KEY = "VIDEOMOMENTS_LLM_API_KEY"
SECRET = "vm-videomoments-llm-api-key"
RUN = f"run.googleapis.com/v2/projects/{PROJECT}/locations/{REGION}"
PUBSUB = f"pubsub.googleapis.com/v1/projects/{PROJECT}"
SQL = f"sqladmin.googleapis.com/v1/projects/{PROJECT}/instances/vm-dev"
STORAGE = "storage.googleapis.com/storage/v1/b"
SCHEDULER = f"cloudscheduler.googleapis.com/v1/projects/{PROJECT}/locations/{REGION}/jobs/vm-sweep"
SECRETS = f"secretmanager.googleapis.com/v1/projects/{PROJECT}/secrets/{SECRET}"
SERIES = f"monitoring.googleapis.com/v3/projects/{PROJECT}/timeSeries"
ACCOUNTS = f"iam.googleapis.com/v1/projects/{PROJECT}/serviceAccounts"
GRANTS = f"cloudresourcemanager.googleapis.com/v3/projects/{PROJECT}:getIamPolicy"
ENABLED = f"serviceusage.googleapis.com/v1/projects/{PROJECT}/services:batchGet"
STATE = f"{STORAGE}/{PROJECT}-vm-state/o/videomoments/default.tfstate"


def service_name(function: str) -> str:
    """The name of a Cloud Run service."""
    return f"vm-{function.replace('_', '-')}"


def email(name: str) -> str:
    """The address of a service account."""
    return f"{name}@{PROJECT}.iam.gserviceaccount.com"


def member(name: str) -> str:
    """A service account in a policy."""
    return f"serviceAccount:{email(name)}"


def url_of(function: str) -> str:
    """The URL of a Cloud Run service."""
    return f"https://{service_name(function)}-abc-ew.a.run.app"


PUSH = email("vm-push-invoker")
MODELS = [f.name for f in TOPOLOGY.functions if "models" in f.needs]


def policy(*bindings: tuple[str, list[str]]) -> Json:
    """An answer of getIamPolicy."""
    found = [{"role": role, "members": members} for role, members in bindings if members]
    return {"version": 1, "etag": "BwYAAA==", "bindings": found}


def environment(function: Function) -> dict[str, str]:
    """The variables that are not secrets."""
    return {
        "FUNCTION_TARGET": function.name,
        "VIDEOMOMENTS_PROJECT": PROJECT,
        "VIDEOMOMENTS_UPLOAD_URL": f"gs://{UPLOADS}",
        "VIDEOMOMENTS_DERIVED_URL": f"gs://{DERIVED}",
    }


def ago(minutes: int) -> str:
    """A time in the past, in Google's form."""
    return (datetime.now(UTC) - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
