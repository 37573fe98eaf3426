"""The deployment, as recorded in Terraform's outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from cli.doctor.cloud.google_rest import GoogleRest
from shared.errors import SettingsError

STATE_OBJECT = "videomoments/default.tfstate"
"""The state's object, as infra/terraform/versions.tf names it."""


class NoOutputs(SettingsError):
    """The given file does not hold this deployment's `terraform output -json`."""


class _Recorded(BaseModel):
    """Unknown fields, which another version may write, are ignored."""

    model_config = ConfigDict(frozen=True)


class DeployedFunction(_Recorded):
    """One function's Cloud Run service."""

    service: str


class DeployedSecret(_Recorded):
    """One secret of Secret Manager."""

    id: str


class Deployment(_Recorded):
    """The output `deployment` of infra/terraform/outputs.tf."""

    environment: str
    project: str
    region: str
    name: str
    images: dict[str, str]
    functions: dict[str, DeployedFunction]
    secrets: dict[str, DeployedSecret]
    push_account: str
    database_instance: str
    migration_job: str
    sweep_job: str

    @property
    def deploy_again(self) -> str:
        """The command that repairs everything Terraform manages.

        Substitutions choose the speech model, too; Terraform does not know them.
        """
        given = f"_ENVIRONMENT={self.environment},_REGION={self.region},_NAME={self.name}"
        command = f"gcloud builds submit --project={self.project} --substitutions={given}"
        return f"{command}   with the _WHISPER_… substitutions it was deployed with, if any"

    @property
    def at(self) -> str:
        """The flags for project and region."""
        return f"--project={self.project} --region={self.region}"


def state_bucket(project: str, name: str) -> str:
    """The bucket that infra/bootstrap.sh makes."""
    return f"{project}-{name}-state"


def from_bucket(api: GoogleRest, bucket: str) -> Deployment | None:
    """Read Terraform's state; None if there is no state. Raises like `from_outputs`."""
    path = f"{quote(bucket, safe='')}/o/{quote(STATE_OBJECT, safe='')}"
    state = api.find(f"https://storage.googleapis.com/storage/v1/b/{path}", alt="media")
    where = f"gs://{bucket}/{STATE_OBJECT}"
    return None if state is None else from_outputs(state.get("outputs", {}), where)


def from_file(path: Path) -> Deployment:
    """Read the output of `terraform output -json`. Raises `NoOutputs`, and like `from_outputs`."""
    try:
        outputs = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise NoOutputs(f"{path} cannot be read: {error}") from None
    return from_outputs(outputs if isinstance(outputs, dict) else {}, str(path))


def from_outputs(outputs: Mapping[str, Any], where: str) -> Deployment:
    """Raises `SettingsError` if the outputs do not hold a whole deployment."""
    found = outputs.get("deployment")
    if not isinstance(found, dict) or "value" not in found:
        raise SettingsError(f"{where} holds no output `deployment`: no deployment was completed.")
    try:
        return Deployment.model_validate(found["value"])
    except ValidationError as error:
        places = ", ".join(".".join(map(str, e["loc"])) for e in error.errors()[:5])
        raise SettingsError(
            f"{where} is of another version of VideoMoments: it does not say {places}."
        ) from None
