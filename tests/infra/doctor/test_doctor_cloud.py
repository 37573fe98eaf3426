"""`doctor --cloud` on a healthy deployment, and on none, by a fake of Google's APIs on loopback."""

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
    """What is found there; whatever was asked and answered is as Google describes it."""
    request = {"project": PROJECT, "endpoint": fake.url, **asked}
    found = list(examine(CloudRequest(**request)))  # type: ignore[arg-type]
    assert fake.complaints == []
    assert all(check.remedy for check in found if check.state != "ok"), found
    return found


def test_a_healthy_deployment_is_well(google: GoogleFake) -> None:
    """Each part is looked at, none has anything to say, and lists are read to their last page."""
    found = checks(google)
    assert [check for check in found if check.state != "ok"] == []
    assert [check.name for check in found] == ["deployment", *PARTS]
    assert sum(address.endswith("/subscriptions") for address in google.asked) > 1


def test_where_nothing_was_deployed(google: GoogleFake) -> None:
    """It says so, and how to begin."""
    (found,) = checks(google, name="other")
    assert (found.name, found.state) == ("deployment", "problem")
    assert "infra/bootstrap.sh my-project" in found.remedy


@pytest.mark.parametrize("state", [{}, {"deployment": {"value": {"name": "vm"}}}])
def test_a_deployment_that_was_never_completed(google: GoogleFake, state: object) -> None:
    """Outputs that are missing, or of another version, are told in one line."""
    google.answers[STATE] = {"outputs": state}
    (found,) = checks(google)
    assert (found.name, found.state) == ("deployment", "problem")
    assert "docs/deploy.md" in found.remedy


def test_what_may_not_be_looked_at(google: GoogleFake) -> None:
    """A role that is missing is one line; all else is still looked at."""
    google.refusals[SQL] = refusal(403, "Permission cloudsql.instances.get denied.")
    found = checks(google)
    (refused,) = [check for check in found if check.state != "ok"]
    assert refused.name == "database"
    assert "cloudsql.instances.get" in refused.found
    for role in ("viewer", "iam.securityReviewer", "serviceusage.serviceUsageConsumer"):
        assert f"roles/{role}" in refused.remedy
    assert [check.name for check in found] == ["deployment", *PARTS]


def test_an_api_that_is_off(google: GoogleFake) -> None:
    """The remedy is to enable it."""
    google.refusals[RUN] = refusal(
        403,
        "Cloud Run Admin API has not been used in project 1 before or it is disabled.",
        reason="SERVICE_DISABLED",
        metadata={"service": "run.googleapis.com"},
    )
    wrong = [check for check in checks(google) if check.state != "ok"]
    assert {check.name for check in wrong} == {"migration", "services"}
    assert {check.remedy for check in wrong} == {
        f"gcloud services enable run.googleapis.com --project={PROJECT}"
    }


def test_what_passes_is_asked_again(google: GoogleFake) -> None:
    """Two answers that the service is busy are no problem."""
    google.busy = 2
    assert {check.state for check in checks(google)} == {"ok"}


def test_a_service_that_stays_busy(google: GoogleFake) -> None:
    """It is asked three times, and then nothing else."""
    google.refusals[SQL] = refusal(503, "The service is currently unavailable.")
    *_, last = checks(google)
    assert (last.name, last.state) == ("database", "problem")
    assert "503" in last.found
    assert sum(SQL in address for address in google.asked) == 3


def test_credentials_that_google_does_not_take(google: GoogleFake) -> None:
    """It says so and how to log in."""
    google.signs_in = False
    (found,) = checks(google)
    assert (found.state, "invalid_grant" in found.found) == ("problem", True)
    assert found.remedy == "gcloud auth application-default login"


@pytest.mark.parametrize("content", ["", "{}", '{"type": "service_account"}', "\x00\xff"])
def test_a_key_file_that_is_none(google: GoogleFake, tmp_path: Path, content: str) -> None:
    """Whatever is in it, it says so in one line."""
    (tmp_path / "account.json").write_text(content, encoding="latin-1")
    (found,) = checks(google)
    assert (found.name, found.state) == ("deployment", "problem")
    assert found.remedy == "gcloud auth application-default login"


def test_without_the_extra_it_says_which(
    google: GoogleFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Google's library is not installed it names what brings it."""
    monkeypatch.setitem(sys.modules, "google.auth", None)
    (found,) = checks(google)
    assert found.remedy == "pip install 'videomoments[gcp]'"


def test_a_host_that_does_not_answer(google: GoogleFake) -> None:
    """It names the host, and asks no further."""
    (found,) = checks(google, endpoint="http://127.0.0.1:9")
    assert "storage.googleapis.com cannot be reached" in found.found


@pytest.mark.parametrize(
    ("credentials", "said"),
    [(False, "was not found"), (True, "cannot be reached")],
    ids=["no credentials", "no network"],
)
def test_the_command_says_it_in_plain_words(
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


def test_the_command_shows_what_was_found(
    google: GoogleFake, capsys: pytest.CaptureFixture[str]
) -> None:
    """As JSON, with the exit code of a deployment that is well."""
    from cli.doctor.machine import show_checks

    request = CloudRequest(PROJECT, endpoint=google.url)
    assert show_checks(examine(request), as_json=True) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"]
    assert len(shown["checks"]) == len(PARTS) + 1
