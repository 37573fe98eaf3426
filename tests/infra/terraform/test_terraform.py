"""infra/terraform, checked as far as possible without a cloud."""

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
    """The complete output, for a failure's message."""
    return done.stdout + done.stderr


def test_terraform_files_are_formatted(workspace: Workspace) -> None:
    """`terraform fmt` has nothing to change."""
    done = workspace.terraform("fmt", "-check", "-recursive", "-diff")
    assert done.returncode == 0, said(done)


def test_configuration_is_valid(workspace: Workspace) -> None:
    """The provider has every resource, argument, block, type and reference."""
    done = workspace.terraform("validate", "-no-color")
    assert done.returncode == 0, said(done)


@pytest.mark.slow
def test_configuration_satisfies_its_assertions_in_dev(workspace: Workspace) -> None:
    """Every assertion of infra/terraform/tests holds with mocked resources."""
    done = workspace.terraform("test", "-no-color", "-var-file=environments/dev.tfvars")
    assert done.returncode == 0, said(done)


def test_validation_names_a_secrets_reader_that_is_not_a_function(workspace: Workspace) -> None:
    """The error names that reader and no other."""
    given = '-var=secrets={PROXY_PASSWORD=["*","models","nobody"]}'
    only = "-filter=tests/restored.tftest.hcl"
    done = workspace.terraform(
        "test", "-no-color", only, "-var-file=environments/dev.tfvars", given
    )
    assert done.returncode != 0
    assert "No such function: nobody." in said(done)


def test_variables_equal_the_topologys() -> None:
    """The committed variables equal the output of `videomoments topology --terraform`."""
    written = (TERRAFORM / "topology.auto.tfvars.json").read_text(encoding="utf-8")
    assert written == terraform_variables(TOPOLOGY)


def test_configuration_names_no_function() -> None:
    """No .tf file names a function, so a new function changes none."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in TERRAFORM.glob("*.tf")}
    for function in TOPOLOGY.functions:
        quoted = f'"{function.name}"'
        assert [name for name, text in texts.items() if quoted in text] == []


def test_schema_extract_has_every_type_in_use() -> None:
    """The extract holds the resources and data sources in use, in the requested version."""
    document = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    (google,) = document["provider_schemas"].values()
    held = {("resource", name) for name in google["resource_schemas"]}
    held |= {("data", name) for name in google["data_source_schemas"]}
    assert held == used_types()
    wanted = (TERRAFORM / "versions.tf").read_text(encoding="utf-8")
    major_and_minor = document["provider_version"].rpartition(".")[0]
    assert f'version = "~> {major_and_minor}"' in wanted


@pytest.mark.parametrize("mistake", list(PLANTED))
def test_validate_finds_each_planted_mistake(
    workspace: Workspace, tmp_path: Path, mistake: str
) -> None:
    """Each kind of mistake fails `terraform validate` with a message that names it."""
    spoilt = workspace.copy(tmp_path / "spoilt")
    message = plant(spoilt, PLANTED[mistake])
    done = spoilt.terraform("validate", "-no-color")
    assert done.returncode != 0
    assert message in " ".join(said(done).split())


@pytest.mark.quick
@pytest.mark.parametrize("alone", [True, False])
def test_terraform_test_finds_valid_but_wrong_values_together(
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
def test_terraform_test_finds_each_valid_but_wrong_value(
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
    """Make the mistake in this copy. Returns Terraform's expected message."""
    name, there, instead, message = mistake
    path = spoilt.folder / name
    text = path.read_text(encoding="utf-8")
    assert there in text, f"{name} no longer holds {there!r}: plant the mistake elsewhere"
    path.write_text(text.replace(there, instead, 1), encoding="utf-8")
    return message
