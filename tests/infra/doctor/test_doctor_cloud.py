"""`doctor --cloud` on a healthy deployment and on none, with a fake of Google on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cli.doctor.checks import Check
from cli.doctor.cloud.examine import PARTS, CloudRequest, examine
from tests.support.google.account import write_account
from tests.support.google.fake import GoogleFake, refusal
from tests.support.google.place import PROJECT, RUN, SQL, STATE


def checks(fake: GoogleFake, **asked: object) -> list[Check]:
    """The findings. Every request and answer fits Google's own description."""
    request = {"project": PROJECT, "endpoint": fake.url, **asked}
    found = list(examine(CloudRequest(**request)))  # type: ignore[arg-type]
    assert fake.complaints == []
    assert all(check.remedy for check in found if check.state != "ok"), found
    return found


def test_doctor_cloud_reports_ok_for_a_healthy_deployment(google: GoogleFake) -> None:
    """It checks each part, finds nothing, and reads lists to their last page."""
    found = checks(google)
    assert [check for check in found if check.state != "ok"] == []
    assert [check.name for check in found] == ["deployment", *PARTS, "Terraform"]
    assert sum(address.endswith("/subscriptions") for address in google.asked) > 1


def test_doctor_cloud_says_how_to_start_when_nothing_is_deployed(google: GoogleFake) -> None:
    """It reports a missing deployment and names the first command."""
    (found,) = checks(google, name="other")
    assert (found.name, found.state) == ("deployment", "problem")
    assert "infra/bootstrap.sh my-project" in found.remedy


@pytest.mark.parametrize("state", [{}, {"deployment": {"value": {"name": "vm"}}}])
def test_doctor_cloud_reports_incomplete_outputs(google: GoogleFake, state: object) -> None:
    """Missing outputs, or those of another version, are one line."""
    google.answers[STATE] = {"outputs": state}
    (found,) = checks(google)
    assert (found.name, found.state) == ("deployment", "problem")
    assert "docs/deploy.md" in found.remedy


def test_doctor_cloud_continues_when_a_role_is_missing(google: GoogleFake) -> None:
    """A missing role is one line; everything else is still checked."""
    google.refusals[SQL] = refusal(403, "Permission cloudsql.instances.get denied.")
    found = checks(google)
    (refused,) = [check for check in found if check.state != "ok"]
    assert refused.name == "database"
    assert "cloudsql.instances.get" in refused.found
    for role in ("viewer", "iam.securityReviewer", "serviceusage.serviceUsageConsumer"):
        assert f"roles/{role}" in refused.remedy
    assert [check.name for check in found] == ["deployment", *PARTS, "Terraform"]


def test_doctor_cloud_says_to_enable_an_api_that_is_off(google: GoogleFake) -> None:
    """The remedy enables the API."""
    google.refusals[RUN] = refusal(
        403,
        "Cloud Run Admin API has not been used in project 1 before or it is disabled.",
        reason="SERVICE_DISABLED",
        metadata={"service": "run.googleapis.com"},
    )
    wrong = [check for check in checks(google) if check.state != "ok"]
    assert {check.name for check in wrong} == {"migration", "services", "public access"}
    assert {check.remedy for check in wrong} == {
        f"gcloud services enable run.googleapis.com --project={PROJECT}"
    }


def test_doctor_cloud_retries_when_the_service_is_busy(google: GoogleFake) -> None:
    """Two "busy" answers are not a problem."""
    google.busy = 2
    assert {check.state for check in checks(google)} == {"ok"}


def test_doctor_cloud_gives_up_after_three_busy_answers(google: GoogleFake) -> None:
    """It asks three times, then asks nothing else."""
    google.refusals[SQL] = refusal(503, "The service is currently unavailable.")
    *_, last = checks(google)
    assert (last.name, last.state) == ("database", "problem")
    assert "503" in last.found
    assert sum(SQL in address for address in google.asked) == 3


def test_doctor_cloud_says_how_to_log_in_when_google_refuses_credentials(
    google: GoogleFake,
) -> None:
    """It names the refused credentials and the login command."""
    google.signs_in = False
    (found,) = checks(google)
    assert (found.state, "invalid_grant" in found.found) == ("problem", True)
    assert found.remedy == "gcloud auth application-default login"


@pytest.mark.parametrize("content", ["", "{}", '{"type": "service_account"}', "\x00\xff"])
def test_doctor_cloud_reports_an_invalid_key_file(
    google: GoogleFake, tmp_path: Path, content: str
) -> None:
    """Any content of the key file leads to one line."""
    (tmp_path / "account.json").write_text(content, encoding="latin-1")
    (found,) = checks(google)
    assert (found.name, found.state) == ("deployment", "problem")
    assert found.remedy == "gcloud auth application-default login"


def test_doctor_cloud_names_the_extra_when_googles_library_is_missing(
    google: GoogleFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the extra that brings the library."""
    monkeypatch.setitem(sys.modules, "google.auth", None)
    (found,) = checks(google)
    assert found.remedy == "pip install 'videomoments[gcp]'"


def test_doctor_cloud_names_a_host_that_does_not_answer(google: GoogleFake) -> None:
    """It names the host and asks nothing else."""
    (found,) = checks(google, endpoint="http://127.0.0.1:9")
    assert "storage.googleapis.com cannot be reached" in found.found


@pytest.mark.parametrize(
    ("credentials", "said"),
    [(False, "was not found"), (True, "cannot be reached")],
    ids=["no credentials", "no network"],
)
def test_doctor_cloud_command_prints_a_remedy_without_credentials(
    tmp_path: Path, *, credentials: bool, said: str
) -> None:
    """Without credentials or network: exit code 1, what to do, and no trace."""
    account = tmp_path / "none.json"
    if credentials:
        account = write_account(tmp_path, "https://oauth2.googleapis.com/token")
    environment = {**os.environ, "GOOGLE_APPLICATION_CREDENTIALS": str(account)}
    environment |= dict.fromkeys(("https_proxy", "HTTPS_PROXY"), "http://127.0.0.1:9")
    environment |= dict.fromkeys(("no_proxy", "NO_PROXY"), "")
    program = str(Path(sys.executable).with_name("videomoments"))
    command = [program, "doctor", "--cloud", "--project", PROJECT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert said in done.stdout
    assert "what to do" in done.stdout
    assert "1 check: 1 problem" in done.stdout


def test_doctor_cloud_command_prints_findings_as_json(
    google: GoogleFake, capsys: pytest.CaptureFixture[str]
) -> None:
    """The document holds the findings; the exit code is that of a healthy deployment."""
    from cli.doctor.machine import show_checks

    request = CloudRequest(PROJECT, endpoint=google.url)
    assert show_checks(examine(request), as_json=True) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"]
    assert len(shown["checks"]) == len(PARTS) + 2
