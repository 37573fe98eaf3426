"""infra/terraform, checked as far as that can be done without a cloud."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from cli.insight.topology_terraform import terraform_variables
from functions.main import TOPOLOGY
from tests.support.terraform.planted import PLANTED, WRONG, Mistake
from tests.support.terraform.provider_schema import SCHEMA_FILE, TERRAFORM, used_types
from tests.support.terraform.terraform import Workspace


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Everything it wrote, for a message."""
    return done.stdout + done.stderr


def test_every_file_is_formatted(workspace: Workspace) -> None:
    """`terraform fmt` has nothing to change."""
    done = workspace.terraform("fmt", "-check", "-recursive", "-diff")
    assert done.returncode == 0, said(done)


def test_the_configuration_is_valid(workspace: Workspace) -> None:
    """Every resource, argument, block, type and reference is one the provider has."""
    done = workspace.terraform("validate", "-no-color")
    assert done.returncode == 0, said(done)


def test_the_assertions_hold_in_dev(workspace: Workspace) -> None:
    """Every assertion of infra/terraform/tests holds with mocked resources."""
    done = workspace.terraform("test", "-no-color", "-var-file=environments/dev.tfvars")
    assert done.returncode == 0, said(done)


def test_a_reader_that_is_none_is_called_by_its_name(workspace: Workspace) -> None:
    """Of a secret's readers only the one that is no function is named."""
    given = '-var=secrets={PROXY_PASSWORD=["*","models","nobody"]}'
    only = "-filter=tests/restored.tftest.hcl"
    done = workspace.terraform(
        "test", "-no-color", only, "-var-file=environments/dev.tfvars", given
    )
    assert done.returncode != 0
    assert "No such function: nobody." in said(done)


def test_the_variables_are_those_of_the_topology() -> None:
    """The checked-in variables are what `videomoments topology --terraform` prints."""
    written = (TERRAFORM / "topology.auto.tfvars.json").read_text(encoding="utf-8")
    assert written == terraform_variables(TOPOLOGY)


def test_no_function_is_named_in_the_configuration() -> None:
    """A new function changes no .tf file: none of them names one."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in TERRAFORM.glob("*.tf")}
    for function in TOPOLOGY.functions:
        quoted = f'"{function.name}"'
        assert [name for name, text in texts.items() if quoted in text] == []


def test_the_schema_has_every_type_in_use() -> None:
    """The extract holds the resources and data sources in use, of the version asked for."""
    document = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    (google,) = document["provider_schemas"].values()
    held = {("resource", name) for name in google["resource_schemas"]}
    held |= {("data", name) for name in google["data_source_schemas"]}
    assert held == used_types()
    wanted = (TERRAFORM / "versions.tf").read_text(encoding="utf-8")
    major_and_minor = document["provider_version"].rpartition(".")[0]
    assert f'version = "~> {major_and_minor}"' in wanted


@pytest.mark.parametrize("mistake", list(PLANTED))
def test_a_planted_mistake_is_found(workspace: Workspace, tmp_path: Path, mistake: str) -> None:
    """Each kind of mistake fails `terraform validate`, and is called by its name."""
    spoilt = workspace.copy(tmp_path / "spoilt")
    message = plant(spoilt, PLANTED[mistake])
    done = spoilt.terraform("validate", "-no-color")
    assert done.returncode != 0
    assert message in " ".join(said(done).split())


@pytest.mark.quick
@pytest.mark.parametrize("alone", [True, False])
def test_every_mistake_that_is_valid_is_found(
    workspace: Workspace, tmp_path: Path, alone: bool
) -> None:
    """`terraform test` reports each of these mistakes when several are made at once.

    One run of `terraform test` takes seconds, however many assertions fail. Where there are no
    dead letters, it has nothing to say about forwarding them: that mistake is made alone.
    """
    made = [mistake for name, mistake in WRONG.items() if (name == "no dead letters") == alone]
    assert_found(workspace, tmp_path, made)


@pytest.mark.full
@pytest.mark.parametrize("mistake", list(WRONG))
def test_a_mistake_that_is_valid_is_found(
    workspace: Workspace, tmp_path: Path, mistake: str
) -> None:
    """`terraform test` reports each of these mistakes when it is the only one."""
    assert_found(workspace, tmp_path, [WRONG[mistake]])


def assert_found(workspace: Workspace, folder: Path, mistakes: Sequence[Mistake]) -> None:
    """Make these mistakes in one copy; assert that `terraform test` reports every one."""
    spoilt = workspace.copy(folder / "spoilt")
    messages = [plant(spoilt, mistake) for mistake in mistakes]
    only = "-filter=tests/deployment.tftest.hcl"
    done = spoilt.terraform("test", "-no-color", only, "-var-file=environments/dev.tfvars")
    assert done.returncode != 0
    output = " ".join(said(done).split())
    assert [message for message in messages if message not in output] == []


def plant(spoilt: Workspace, mistake: Mistake) -> str:
    """Make the mistake in this copy; returns the message Terraform owes for it."""
    name, there, instead, message = mistake
    path = spoilt.folder / name
    text = path.read_text(encoding="utf-8")
    assert there in text, f"{name} no longer holds {there!r}: plant the mistake elsewhere"
    path.write_text(text.replace(there, instead, 1), encoding="utf-8")
    return message
