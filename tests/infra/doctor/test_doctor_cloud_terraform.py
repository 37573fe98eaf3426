"""`doctor --cloud` compares the configuration by `terraform plan`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.doctor.checks import Check
from cli.doctor.cloud.record import from_outputs
from cli.doctor.cloud.terraform import SHOWN_CHANGES, check_terraform
from cli.doctor.machine import show_checks
from tests.support.google.place import IMAGES, PROJECT, REGION, STATE_BUCKET
from tests.support.google.world import outputs
from tests.support.terraform.stand_in import put_terraform, set_up_configuration

RECORDED = Path(__file__).parents[2] / "support" / "terraform" / "plan-changes.jsonl"
INIT = f"terraform init -reconfigure -backend-config=bucket={STATE_BUCKET}"
DEPLOYMENT = from_outputs(outputs(), "the outputs")
Plan = Callable[..., Check]


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of Terraform's files that is initialised for the fake's deployment."""
    folder = tmp_path / "configuration"
    set_up_configuration(monkeypatch, folder, STATE_BUCKET)
    return folder


@pytest.fixture
def plan(tmp_path: Path, configuration: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """Check with a program in terraform's place that ends with that code and output."""

    def check(code: int, output: str = "") -> Check:
        put_terraform(monkeypatch, tmp_path / "bin", code, output)
        return check_terraform(DEPLOYMENT)

    return check


def changed(name: str, action: str) -> str:
    """Terraform's message that it would do that with the resource."""
    change = {"resource": {"addr": name}, "action": action}
    return json.dumps({"@level": "info", "type": "planned_change", "change": change}) + "\n"


def test_check_terraform_reports_ok_when_nothing_would_change(plan: Plan) -> None:
    """Exit code 0 is one line."""
    assert plan(0) == Check("Terraform", "ok", "the deployment is as declared")


def test_check_terraform_lists_what_would_change(plan: Plan) -> None:
    """A recorded plan: each resource with what would be done; the remedy is to deploy."""
    found = plan(2, RECORDED.read_text(encoding="utf-8"))
    assert found.state == "problem"
    assert found.found.splitlines() == [
        "4 resources are not as declared",
        'google_cloud_run_v2_service.function["cut_clip"]: will be updated',
        'google_pubsub_topic.topic["clip-cut"]: will be created',
        'google_project_iam_member.connects["old"]: will be destroyed',
        'google_pubsub_subscription.push["moment-found.cut_clip"]: will be replaced',
    ]
    assert found.remedy == DEPLOYMENT.deploy_again


def test_check_terraform_counts_the_changes_that_it_does_not_show(plan: Plan) -> None:
    """The list is bounded. Data sources that are read late are not changes."""
    output = "".join(changed(f"google_x.y[{n}]", "update") for n in range(SHOWN_CHANGES + 5))
    head, *lines, last = plan(2, output + changed("data.google_z.z", "read")).found.splitlines()
    assert head == f"{SHOWN_CHANGES + 5} resources are not as declared"
    assert len(lines) == SHOWN_CHANGES
    assert last == "and 5 more"


def test_check_terraform_says_when_only_outputs_would_change(plan: Plan) -> None:
    """Exit code 2 without a changed resource is a problem, too."""
    found = plan(2, '{"@level":"info","type":"outputs","outputs":{}}\n')
    assert (found.state, found.found) == ("problem", "the outputs are not as declared")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            '{"@level":"error","@message":"Error: first"}\n{"@level":"error","@message":"Error: no '
            'plan","diagnostic":{"severity":"error","detail":"Permission\\n  denied."}}\n'
            '{"@level":"warn","@message":"Warning: old"}\n',
            "Error: no plan Permission denied.",
        ),
        ("Error: cannot read\nthe command line file\n\n", "the command line file"),
        ("", "exit code 1"),
    ],
    ids=["messages", "text", "nothing"],
)
def test_check_terraform_shows_the_last_error_when_the_plan_fails(
    plan: Plan, output: str, said: str
) -> None:
    """The remedy is the command that shows all of it."""
    found = plan(1, output)
    assert found.state == "problem"
    assert found.found == f"terraform plan failed: {said}"
    assert found.remedy.startswith("cd infra/terraform && terraform plan -lock=false")
    assert f"-var=project={PROJECT}" in found.remedy


def test_check_terraform_plans_with_the_deployments_own_values(
    configuration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no lock, asks nothing, and ignores variables that are set for other plans."""
    noted = put_terraform(monkeypatch, tmp_path / "bin", code=0)
    monkeypatch.setenv("TF_VAR_alert_email", "me@example.com")
    monkeypatch.setenv("TF_WORKSPACE", "another")
    assert check_terraform(DEPLOYMENT).state == "ok"
    lines = noted.read_text(encoding="utf-8").splitlines()
    assert {
        "plan",
        "-detailed-exitcode",
        "-lock=false",
        "-input=false",
        "-no-color",
        "-var-file=environments/dev.tfvars",
        f"-var=project={PROJECT}",
        f"-var=region={REGION}",
        "-var=name=vm",
        f"-var=images={json.dumps(IMAGES)}",
        "TF_WORKSPACE=default",
        f"PWD={configuration}",
    } <= set(lines)
    assert not [line for line in lines if line.startswith("TF_VAR_")]


@pytest.mark.usefixtures("configuration")
def test_check_terraform_warns_when_terraform_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends the program and gives the command to run by hand."""
    put_terraform(monkeypatch, tmp_path / "bin", code=0, first="exec sleep 600")
    found = check_terraform(DEPLOYMENT, limit_seconds=0.5)
    assert found.state == "warning"
    assert found.found.endswith("not compared: terraform plan took longer than 0.5 s")
    assert "terraform plan" in found.remedy


def test_check_terraform_warns_without_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wheel does not bring Terraform's files."""
    monkeypatch.setattr("cli.doctor.cloud.terraform.CONFIGURATION", tmp_path / "none")
    found = check_terraform(DEPLOYMENT)
    assert found.state == "warning"
    assert "infra/terraform/environments/dev.tfvars is not here" in found.found
    assert "checkout" in found.remedy


@pytest.mark.usefixtures("configuration")
def test_check_terraform_warns_when_terraform_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy says where it is and how to initialise it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    found = check_terraform(DEPLOYMENT)
    assert (found.state, found.remedy.endswith(INIT)) == ("warning", True)
    assert found.found.endswith("not compared: terraform is not installed")


def test_check_terraform_warns_when_terraform_does_not_start(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program of another kind of machine is one line, not a trace."""
    assert plan(0).state == "ok"
    (tmp_path / "bin" / "terraform").write_bytes(b"\x00\x01")
    found = check_terraform(DEPLOYMENT)
    assert (found.state, "terraform cannot be run" in found.found) == ("warning", True)


@pytest.mark.parametrize("note", [None, "", "[]", '{"backend": {"config": {"bucket": "other"}}}'])
def test_check_terraform_warns_when_not_initialised_for_the_deployment(
    plan: Plan, configuration: Path, note: str | None
) -> None:
    """It does not compare a deployment with the state of another one."""
    path = configuration / ".terraform" / "terraform.tfstate"
    path.unlink() if note is None else path.write_text(note, encoding="utf-8")
    found = plan(0)
    assert found.state == "warning"
    assert f"not initialised for gs://{STATE_BUCKET}" in found.found
    assert found.remedy == f"cd infra/terraform && {INIT}"


def test_show_checks_indents_the_lines_of_a_check(
    plan: Plan, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each changed resource stands on its own line below the check."""
    found = plan(2, changed("google_x.y", "create"))
    assert show_checks([found], as_json=False) == 1
    assert "as declared\n         google_x.y: will be created\n" in capsys.readouterr().out
