"""`doctor --cloud` finds its deployment by options, outputs and credentials."""

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
    """Only the test's own values name a project."""
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("project", [None, PROJECT])
def test_doctor_cloud_reads_outputs_from_a_file(
    google: GoogleFake, tmp_path: Path, written: Path, project: str | None
) -> None:
    """Then it looks for no state, and the outputs name the project."""
    write_account(tmp_path, f"{google.url}/token", project=None)
    del google.answers[STATE]
    assert {check.state for check in checks(google, outputs=written, project=project)} == {"ok"}


def test_doctor_cloud_refuses_outputs_of_another_project(google: GoogleFake, written: Path) -> None:
    """It checks neither project and names both."""
    (found,) = checks(google, outputs=written, project="another")
    assert found.found.endswith(f"is of {PROJECT}, not of another.")
    assert "--outputs" in found.remedy
    assert google.asked == []


@pytest.mark.parametrize("content", [None, "no JSON", b"\xff"])
def test_doctor_cloud_asks_for_other_outputs_when_they_are_unreadable(
    google: GoogleFake, tmp_path: Path, content: str | bytes | None
) -> None:
    """The remedy asks for other outputs, not for a deployment."""
    path = tmp_path / "given.json"
    if content is not None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (found,) = checks(google, outputs=path)
    assert f"{path} cannot be read" in found.found
    assert found.remedy == "Give --outputs what `terraform output -json` writes in infra/terraform."


def test_doctor_cloud_takes_the_project_from_the_credentials(google: GoogleFake) -> None:
    """Remedies name that project, too."""
    google.refusals[SQL] = refusal(403, "Permission cloudsql.instances.get denied.")
    (refused,) = [check for check in checks(google, project=None) if check.state != "ok"]
    assert f"add-iam-policy-binding {PROJECT} " in refused.remedy


def test_doctor_cloud_asks_for_a_project_when_none_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither options nor credentials name a project, so it asks for one."""
    account = write_account(tmp_path, "http://127.0.0.1:9", project=None)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    (found,) = examine(CloudRequest(project=None))
    assert (found.name, found.state) == ("project", "problem")
    assert "--project" in found.remedy


@pytest.mark.parametrize("option", ["project", "name", "outputs"])
def test_doctor_refuses_cloud_options_without_cloud(option: str, tmp_path: Path) -> None:
    """Without --cloud they are refused, not ignored."""
    given = tmp_path / "given.json" if option == "outputs" else "given"
    with pytest.raises(typer.BadParameter, match=f"--{option} goes with --cloud"):
        doctor(data=tmp_path, **{option: given})  # type: ignore[arg-type]


def test_doctor_cloud_refuses_a_prefix_beside_outputs(tmp_path: Path) -> None:
    """The outputs name the prefix themselves."""
    with pytest.raises(typer.BadParameter, match="--name goes without --outputs"):
        doctor(cloud=True, name="given", outputs=tmp_path / "given.json")


def test_doctor_cloud_refuses_a_data_folder(tmp_path: Path) -> None:
    """A deployment has no folder on this machine."""
    with pytest.raises(typer.BadParameter, match="--data goes without --cloud"):
        doctor(cloud=True, data=tmp_path)
