"""`doctor --cloud` with the real Terraform, whose state lies in a bucket on loopback."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from cli.doctor.cloud.record import from_outputs
from cli.doctor.cloud.terraform import CONFIGURATION, check_terraform
from shared.domain.documents import Json
from tests.support.google.place import IMAGES, STATE_BUCKET
from tests.support.google.world import outputs
from tests.support.terraform.stand_in import set_up_configuration
from tests.support.terraform.state_bucket import serving_state
from tests.support.terraform.terraform import find_terraform

# Its only provider is built into Terraform.
SMALL = """
terraform {
  backend "gcs" { prefix = "videomoments" }
}
variable "project" { type = string }
variable "region" { type = string }
variable "name" { type = string }
variable "images" { type = map(string) }
variable "environment" { type = string }
resource "terraform_data" "kept" { input = var.images.media }
"""


def test_check_terraform_knows_the_checkouts_configuration() -> None:
    """This checkout has the environment's file, and declares the variables that are given."""
    deployment = from_outputs(outputs(), "the outputs")
    assert (CONFIGURATION / "environments" / f"{deployment.environment}.tfvars").is_file()
    declared = (CONFIGURATION / "variables.tf").read_text(encoding="utf-8")
    for name in ("project", "region", "name", "images"):
        assert f'variable "{name}" {{' in declared


@pytest.mark.parametrize(
    ("media", "state", "said"),
    [
        (IMAGES["media"], "ok", "the deployment is as declared"),
        ("before", "problem", "terraform_data.kept: will be updated"),
    ],
)
def test_check_terraform_reads_a_plan_of_terraform_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, media: str, state: str, said: str
) -> None:
    """Terraform accepts the arguments, reads its state from the bucket, and is understood."""
    terraform = find_terraform()
    deployment = from_outputs(outputs(), "the outputs")
    folder = tmp_path / "configuration"
    set_up_configuration(monkeypatch, folder, STATE_BUCKET)
    (folder / ".terraform" / "terraform.tfstate").unlink()
    (folder / "main.tf").write_text(SMALL, encoding="utf-8")
    (folder / "environments" / "dev.tfvars").write_text('environment = "dev"\n')
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("GOOGLE_OAUTH_ACCESS_TOKEN", "a-token")
    with serving_state(STATE_BUCKET, kept_state(media)) as address:
        monkeypatch.setenv("GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT", address)
        assert "not initialised" in check_terraform(deployment).found
        init = [terraform, "init", f"-backend-config=bucket={STATE_BUCKET}"]
        subprocess.run(init, cwd=folder, check=True)
        found = check_terraform(deployment)
    assert (found.state, found.found.splitlines()[-1]) == (state, said)


def kept_state(media: str) -> Json:
    """Terraform's state when it was applied with that image."""
    values = {key: {"value": media, "type": "string"} for key in ("input", "output")}
    attributes = {"id": "1", "triggers_replace": None, **values}
    kept = {
        "mode": "managed",
        "type": "terraform_data",
        "name": "kept",
        "provider": 'provider["terraform.io/builtin/terraform"]',
        "instances": [{"schema_version": 0, "attributes": attributes}],
    }
    return {
        "version": 4,
        "terraform_version": "1.9.0",
        "serial": 1,
        "lineage": "1",
        "outputs": {},
        "resources": [kept],
    }
