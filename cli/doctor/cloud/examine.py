"""All checks of a deployment: what runs, then `terraform plan` for its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cli.doctor.checks import Check, told
from cli.doctor.cloud.database import check_database, check_migration
from cli.doctor.cloud.google_rest import (
    GoogleError,
    NoCredentials,
    NoSuchResource,
    NotInstalled,
    Refused,
    Unreachable,
    connect,
    default_credentials,
)
from cli.doctor.cloud.public import check_public
from cli.doctor.cloud.record import Deployment, NoOutputs, from_bucket, from_file, state_bucket
from cli.doctor.cloud.running import check_messages, check_schedule, check_secrets
from cli.doctor.cloud.services import check_services
from cli.doctor.cloud.terraform import check_terraform
from cli.doctor.cloud.view import View
from functions.main import TOPOLOGY
from shared.errors import SettingsError
from shared.settings.settings import PREFIX

LOG_IN = "gcloud auth application-default login"
# They read all resources and grants, and bill a person's requests to the project.
ROLES = (
    "roles/viewer",
    "roles/iam.securityReviewer",
    "roles/serviceusage.serviceUsageConsumer",
)
PARTS: dict[str, Callable[[View], Iterator[Check]]] = {
    "database": check_database,
    "migration": check_migration,
    "services": check_services,
    "secrets": check_secrets,
    "schedule": check_schedule,
    "messages": check_messages,
    "public access": check_public,
}


@dataclass(frozen=True, slots=True)
class CloudRequest:
    """The deployment to check. `outputs`: a file from `terraform output -json` that replaces the
    state in its bucket and names the project. `endpoint`: a host that answers like Google's."""

    project: str | None
    name: str = "vm"
    outputs: Path | None = None
    endpoint: str | None = None


def examine(asked: CloudRequest) -> Iterator[Check]:
    """Yield each check when it is done. A failed request is a problem, too; nothing is raised."""
    project = asked.project
    try:
        recorded = _recorded(asked)
        project = recorded.project if recorded else project or default_credentials()[1]
        if project is None:
            remedy = f"Give --project, or set {PREFIX}PROJECT."
            yield Check("project", "problem", "no project is named", remedy)
            return
        api = connect(project, asked.endpoint)
        deployment = recorded or from_bucket(api, state_bucket(project, asked.name))
    except (GoogleError, SettingsError) as error:
        yield _unasked("deployment", error, project)
        return
    if deployment is None:
        yield _nothing(asked, project)
        return
    said = f"{deployment.environment} in {deployment.project}, {deployment.region}"
    yield Check("deployment", "ok", said)
    yield from _parts(View(api, deployment, TOPOLOGY))


def _parts(view: View) -> Iterator[Check]:
    for name, look in PARTS.items():
        try:
            yield from look(view)
        except (NoCredentials, Unreachable) as error:
            yield _unasked(name, error, view.deployment.project)
            return  # the other checks would fail in the same way
        except NoSuchResource as error:
            yield view.again(name, f"{told(error)} See the check Terraform.")
        except GoogleError as error:
            yield _unasked(name, error, view.deployment.project)
    # Last, as it takes longest.
    yield check_terraform(view.deployment)


def _recorded(asked: CloudRequest) -> Deployment | None:
    """Read the file that replaces the state."""
    if asked.outputs is None:
        return None
    recorded = from_file(asked.outputs)
    if asked.project not in (None, recorded.project):
        raise NoOutputs(f"{asked.outputs} is of {recorded.project}, not of {asked.project}.")
    return recorded


def _nothing(asked: CloudRequest, project: str) -> Check:
    bucket = state_bucket(project, asked.name)
    return Check(
        "deployment",
        "problem",
        f"gs://{bucket} holds no state of Terraform: nothing was deployed here as {asked.name}",
        f"infra/bootstrap.sh {project} REGION {asked.name}   or correct --project and --name",
    )


def _unasked(name: str, error: Exception, project: str | None) -> Check:
    return Check(name, "problem", told(error), _remedy(error, project or "PROJECT"))


def _remedy(error: Exception, project: str) -> str:
    if isinstance(error, NotInstalled):
        return "pip install 'videomoments[gcp]'"
    if isinstance(error, NoCredentials):
        return LOG_IN
    if isinstance(error, Unreachable):
        return "Make sure that this machine reaches https://www.googleapis.com, then check again."
    if isinstance(error, Refused):
        if error.api is not None:
            return f"gcloud services enable {error.api} --project={project}"
        grant = f"gcloud projects add-iam-policy-binding {project} --member=user:YOU"
        return f"{grant} --role={ROLES[0]}   and the same with {' and '.join(ROLES[1:])}"
    if isinstance(error, NoOutputs):
        return "Give --outputs what `terraform output -json` writes in infra/terraform."
    if isinstance(error, SettingsError):
        return "Deploy this version: see docs/deploy.md."
    return "Check again; if it remains, report it with this line."
