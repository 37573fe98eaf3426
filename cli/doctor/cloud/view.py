"""The shared view of a deployment's checks: Google, the topology and the wording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cli.doctor.checks import Check
from cli.doctor.cloud.google_rest import GoogleRest
from cli.doctor.cloud.record import Deployment
from shared.pipeline.topology import Topology

PUBSUB = "https://pubsub.googleapis.com/v1"
RUN = "https://run.googleapis.com/v2"
SECRETS = "https://secretmanager.googleapis.com/v1"


@dataclass(frozen=True, slots=True)
class View:
    """A deployment, the topology of this version, and Google."""

    api: GoogleRest
    deployment: Deployment
    topology: Topology

    @property
    def project_path(self) -> str:
        """The project's resource name."""
        return f"projects/{self.deployment.project}"

    @property
    def place_path(self) -> str:
        """The resource name of the region."""
        return f"{self.project_path}/locations/{self.deployment.region}"

    def again(self, name: str, found: str) -> Check:
        """A problem that a new deployment fixes."""
        return Check(name, "problem", found, self.deployment.deploy_again)


def resource_id(name: str | None) -> str:
    """The last part of a resource's full name, or an empty string."""
    return name.rpartition("/")[2] if name else ""


def summed(name: str, well: str, found: Iterable[Check]) -> Iterator[Check]:
    """The checks, or one line that all is well if there are none."""
    nothing = True
    for check in found:
        nothing = False
        yield check
    if nothing:
        yield Check(name, "ok", well)
