"""`doctor --cloud`: which deployment is looked at, by options, outputs and credentials."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer

from cli.doctor.cloud.examine import CloudRequest, examine
from cli.insight.command import doctor
from tests.infra.doctor.test_doctor_cloud import checks
from tests.support.google.account import write_account
from tests.support.google.fake import GoogleFake, refusal
from tests.support.google.place import PROJECT, SQL, STATE
from tests.support.google.world import outputs


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The outputs in a file."""
    path = tmp_path / "outputs.json"
    path.write_text(json.dumps(outputs()), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def no_project_of_gclouds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a test gives names a project."""
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("project", [None, PROJECT])
def test_the_outputs_may_come_from_a_file(
    google: GoogleFake, tmp_path: Path, written: Path, project: str | None
) -> None:
    """Then no state is looked for, and they name the project."""
    write_account(tmp_path, f"{google.url}/token", project=None)
    del google.answers[STATE]
    assert {check.state for check in checks(google, outputs=written, project=project)} == {"ok"}


def test_outputs_of_another_project(google: GoogleFake, written: Path) -> None:
    """Neither project is looked at, and both are named."""
    (found,) = checks(google, outputs=written, project="another")
    assert found.found.endswith(f"is of {PROJECT}, not of another.")
    assert "--outputs" in found.remedy
    assert google.asked == []


@pytest.mark.parametrize("content", [None, "no JSON", b"\xff"])
def test_outputs_that_cannot_be_read(
    google: GoogleFake, tmp_path: Path, content: str | bytes | None
) -> None:
    """The remedy is to give others, not to deploy."""
    path = tmp_path / "given.json"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (found,) = checks(google, outputs=path)
    assert f"{path} cannot be read" in found.found
    assert found.remedy == "Give --outputs what `terraform output -json` writes in infra/terraform."


def test_the_credentials_may_name_the_project(google: GoogleFake) -> None:
    """Remedies name it then, too."""
    google.refusals[SQL] = refusal(403, "Permission cloudsql.instances.get denied.")
    (refused,) = [check for check in checks(google, project=None) if check.state != "ok"]
    assert f"add-iam-policy-binding {PROJECT} " in refused.remedy


def test_no_project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where neither options nor credentials name one, it asks for one."""
    account = write_account(tmp_path, "http://127.0.0.1:9", project=None)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    (found,) = examine(CloudRequest(project=None))
    assert (found.name, found.state) == ("project", "problem")
    assert "--project" in found.remedy


@pytest.mark.parametrize("option", ["project", "name", "outputs"])
def test_options_of_the_cloud_need_it(option: str, tmp_path: Path) -> None:
    """Without --cloud they are refused, and not forgotten."""
    given = tmp_path / "given.json" if option == "outputs" else "given"
    with pytest.raises(typer.BadParameter, match=f"--{option} goes with --cloud"):
        doctor(data=tmp_path, **{option: given})  # type: ignore[arg-type]


def test_a_prefix_beside_the_outputs(tmp_path: Path) -> None:
    """They say it themselves: it is refused."""
    with pytest.raises(typer.BadParameter, match="--name goes without --outputs"):
        doctor(cloud=True, name="given", outputs=tmp_path / "given.json")


def test_a_folder_beside_the_cloud(tmp_path: Path) -> None:
    """What is examined there has no folder of this machine: it is refused."""
    with pytest.raises(typer.BadParameter, match="--data goes without --cloud"):
        doctor(cloud=True, data=tmp_path)
