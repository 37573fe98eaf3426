"""What the checks of a deployment share: where to ask, what to hold it against, how to say it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cli.doctor.checks import Check
from cli.doctor.cloud.google_rest import GoogleRest
from cli.doctor.cloud.record import Deployment
from shared.pipeline.stage import Function
from shared.pipeline.topology import Topology


@dataclass(frozen=True, slots=True)
class View:
    """A deployment, the topology of this version, and Google."""

    api: GoogleRest
    deployment: Deployment
    topology: Topology

    @property
    def project_path(self) -> str:
        """As Google's resources name it."""
        return f"projects/{self.deployment.project}"

    @property
    def place_path(self) -> str:
        """Where what has a region is."""
        return f"{self.project_path}/locations/{self.deployment.region}"

    def deployed(self) -> Iterator[Function]:
        """This version's functions that the deployment has."""
        for function in self.topology.functions:
            if function.name in self.deployment.functions:
                yield function

    def again(self, name: str, found: str) -> Check:
        """A problem which another deployment puts right."""
        return Check(name, "problem", found, self.deployment.deploy_again)


def resource_id(name: str | None) -> str:
    """What a resource's full name ends with; empty where there is none."""
    return name.rpartition("/")[2] if name else ""


def summed(name: str, well: str, found: Iterable[Check]) -> Iterator[Check]:
    """What was found; one line in its place where that is nothing."""
    nothing = True
    for check in found:
        nothing = False
        yield check
    if nothing:
        yield Check(name, "ok", well)
