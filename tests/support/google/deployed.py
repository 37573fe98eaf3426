"""Terraform's planned resources, as `terraform test` makes them with mocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from shared.domain.documents import Json
from tests.support.terraform.terraform import Workspace

# What is granted on the whole project has no other resource than that.
PLACES = ("topic", "subscription", "bucket", "secret_id", "service_account_id", "name")


@dataclass(frozen=True)
class Deployed:
    """All resources with type, name, key and values, and all outputs."""

    resources: list[Json]
    outputs: Json

    def of(self, kind: str, name: str) -> dict[str, Json]:
        """The values of one resource's instances, by key (empty without `for_each`)."""
        return {
            str(found.get("index", "")): found["values"]
            for found in self.resources
            if (found["type"], found["name"]) == (kind, name)
        }

    def one(self, kind: str, name: str) -> Json:
        """The values of a resource with one instance."""
        (values,) = self.of(kind, name).values()
        return values

    def grants(self) -> Iterator[tuple[str, str, str]]:
        """(member, role, resource) of every grant of any kind."""
        for found in self.resources:
            if "_iam_" in found["type"]:
                values = found["values"]
                where = next((str(values[p]) for p in PLACES if values.get(p)), "the project")
                members = [values["member"]] if "member" in values else values["members"]
                for member in members:
                    yield member, values["role"], where


def deploy(workspace: Workspace, environment: str, shared: Path) -> Deployed:
    """The state of the first run of the configuration's tests; all of them must hold.

    The processes of one test session share it, in the folder `shared`.
    """
    kept = shared / f"deployed-{environment}.json"
    with FileLock(f"{kept}.lock"):
        if not kept.exists():
            kept.write_text(json.dumps(_deploy(workspace, environment)), encoding="utf-8")
    found = json.loads(kept.read_text(encoding="utf-8"))
    return Deployed(found["root_module"]["resources"], found["outputs"])


def _deploy(workspace: Workspace, environment: str) -> Json:
    done = workspace.terraform(
        "test",
        "-json",
        "-verbose",
        "-filter=tests/deployment.tftest.hcl",
        f"-var-file=environments/{environment}.tfvars",
    )
    lines: list[Json] = [json.loads(line) for line in done.stdout.splitlines()]
    problems = [line["@message"] for line in lines if line["type"] == "diagnostic"]
    assert done.returncode == 0, (problems, done.stderr)
    states = [line["test_state"] for line in lines if line["type"] == "test_state"]
    first: Json = states[0]
    return first
