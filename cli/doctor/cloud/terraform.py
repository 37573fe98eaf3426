"""Compare a deployment with its declaration by `terraform plan`."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
from pathlib import Path

import functions
from cli.doctor.checks import Check
from cli.doctor.cloud.record import Deployment, state_bucket
from cli.report.quantities import count_words
from shared.domain.documents import Json

CONFIGURATION = Path(functions.__file__).resolve().parents[1] / "infra" / "terraform"
"""Terraform's files in a checkout; a wheel does not contain them."""

LIMIT_SECONDS = 300.0
GRACE_SECONDS = 15.0
SHOWN_CHANGES = 20
WORDS = {"create": "created", "update": "updated", "replace": "replaced", "delete": "destroyed"}
PLAN = ("plan", "-lock=false", "-input=false")
# Variables of the environment that would change the plan or its output.
_MISLEADING = ("TF_VAR_", "TF_CLI_ARGS", "TF_LOG")


def check_terraform(deployment: Deployment, *, limit_seconds: float = LIMIT_SECONDS) -> Check:
    """The resources that a new deployment would change. Writes nothing.

    A warning if this machine cannot plan: it lacks terraform, the files or their initialisation.
    """
    missing = _missing(deployment)
    if missing is not None:
        return _not_compared(*missing)
    by_hand = f"cd infra/terraform && terraform {shlex.join([*PLAN, *_variables(deployment)])}"
    try:
        code, messages = _plan(deployment, limit_seconds)
    except OSError as error:
        return _not_compared(f"terraform cannot be run: {error}", by_hand)
    except subprocess.TimeoutExpired:
        return _not_compared(f"terraform plan took longer than {limit_seconds:g} s", by_hand)
    if code == 0:
        return Check("Terraform", "ok", "the deployment is as declared")
    if code == 2:
        return Check("Terraform", "problem", _changes(messages), deployment.deploy_again)
    found = f"terraform plan failed: {_last_error(messages) or f'exit code {code}'}"
    return Check("Terraform", "problem", found, by_hand)


def _variables(deployment: Deployment) -> list[str]:
    """As infra/deploy/terraform.sh gives them, with the images of the last deployment."""
    given = {
        "project": deployment.project,
        "region": deployment.region,
        "name": deployment.name,
        "images": json.dumps(deployment.images),
    }
    file = f"-var-file=environments/{deployment.environment}.tfvars"
    return [file, *(f"-var={name}={value}" for name, value in given.items())]


def _missing(deployment: Deployment) -> tuple[str, str] | None:
    """The reason why no plan can be made here, and its remedy."""
    bucket = state_bucket(deployment.project, deployment.name)
    init = f"cd infra/terraform && terraform init -reconfigure -backend-config=bucket={bucket}"
    if not (CONFIGURATION / "environments" / f"{deployment.environment}.tfvars").is_file():
        found = f"infra/terraform/environments/{deployment.environment}.tfvars is not here"
        return found, "Run this command from a checkout of the deployed code; see docs/deploy.md."
    if shutil.which("terraform") is None:
        install = "Install it: https://developer.hashicorp.com/terraform/install"
        return "terraform is not installed", f"{install}   then: {init}"
    if _initialised_bucket() != bucket:
        return f"infra/terraform is not initialised for gs://{bucket}", init
    return None


def _initialised_bucket() -> str | None:
    """The state's bucket that `terraform init` noted."""
    note = CONFIGURATION / os.environ.get("TF_DATA_DIR", ".terraform") / "terraform.tfstate"
    try:
        bucket: str = json.loads(note.read_text(encoding="utf-8"))["backend"]["config"]["bucket"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return bucket


def _plan(deployment: Deployment, limit_seconds: float) -> tuple[int, list[Json]]:
    """Exit code and messages. Raises `OSError` and `TimeoutExpired`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(_MISLEADING)}
    more = {"TF_IN_AUTOMATION": "1", "TF_WORKSPACE": "default", "CHECKPOINT_DISABLE": "1"}
    options = ("-detailed-exitcode", "-no-color", "-json")
    with subprocess.Popen(
        [shutil.which("terraform") or "terraform", *PLAN, *options, *_variables(deployment)],
        cwd=CONFIGURATION,
        env=kept | more,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        try:
            output, _ = process.communicate(timeout=limit_seconds)
        except subprocess.TimeoutExpired:
            _end(process)
            raise
    return process.returncode, [_message(line) for line in output.splitlines() if line.strip()]


def _end(process: subprocess.Popen[str]) -> None:
    """Interrupted, Terraform ends its provider's process, too."""
    process.send_signal(signal.SIGINT)
    try:
        process.communicate(timeout=GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _message(line: str) -> Json:
    """One line of -json. Terraform writes some errors as text before it reads its options."""
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"@level": "error", "@message": line.strip()}


def _changes(messages: list[Json]) -> str:
    changes = [message["change"] for message in messages if message.get("type") == "planned_change"]
    lines = [
        f"{change['resource']['addr']}: will be {WORDS[change['action']]}"
        for change in changes
        if change["action"] in WORDS
    ]
    if not lines:
        return "the outputs are not as declared"
    shown = lines[:SHOWN_CHANGES]
    if len(lines) > SHOWN_CHANGES:
        shown.append(f"and {len(lines) - SHOWN_CHANGES} more")
    count = count_words(len(lines), "resource is", "resources are")
    return "\n".join([f"{count} not as declared", *shown])


def _last_error(messages: list[Json]) -> str:
    errors = [message for message in messages if message.get("@level") == "error"]
    if not errors:
        return ""
    detail = errors[-1].get("diagnostic", {}).get("detail", "")
    return " ".join(f"{errors[-1].get('@message', '')} {detail}".split())[:400]


def _not_compared(why: str, remedy: str) -> Check:
    return Check("Terraform", "warning", f"the configuration was not compared: {why}", remedy)
