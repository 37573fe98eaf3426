"""Terraform for tests: offline, in a copy, with the stub in the provider's place."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.terraform.provider_schema import SCHEMA_FILE, TERRAFORM

STUB = Path(__file__).resolve().with_name("stub_provider.py")
MISSING = "terraform is not installed: https://developer.hashicorp.com/terraform/install"


def find_terraform() -> str:
    """The terraform on the PATH, or the test is skipped."""
    found = shutil.which("terraform")
    if found is None:
        pytest.skip(MISSING)
    return found


@dataclass(frozen=True)
class Workspace:
    """A copy of the configuration, initialised."""

    folder: Path
    environment: dict[str, str]

    def terraform(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run it there; the caller looks at how it ended."""
        return subprocess.run(
            [find_terraform(), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    def copy(self, folder: Path) -> Workspace:
        """Another of the same, to be spoilt."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workspace(folder, self.environment)


def make_workspace(folder: Path, schema: Path = SCHEMA_FILE) -> Workspace:
    """Copy infra/terraform below `folder`, with the stub as its provider, and initialise it."""
    version = json.loads(schema.read_text(encoding="utf-8"))["provider_version"]
    mirror = folder / "mirror"
    _install_stub(mirror, version, schema)
    config = folder / "terraform.rc"
    config.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n',
        encoding="utf-8",
    )
    target = folder / "configuration"
    shutil.copytree(TERRAFORM, target, ignore=shutil.ignore_patterns(".terraform*"))
    workspace = Workspace(target, _environment(config))
    done = workspace.terraform("init", "-backend=false", "-input=false", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    return workspace


def _install_stub(mirror: Path, version: str, schema: Path) -> None:
    system = os.uname()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(system.machine, system.machine)
    place = mirror / "registry.terraform.io/hashicorp/google" / version
    plugin = (
        place / f"{os.uname().sysname.lower()}_{machine}" / f"terraform-provider-google_v{version}"
    )
    plugin.parent.mkdir(parents=True)
    plugin.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STUB}" "{schema}"\n', encoding="utf-8")
    plugin.chmod(0o755)


def _environment(config: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    return kept | {
        "TF_CLI_CONFIG_FILE": str(config),
        "TF_DISABLE_PLUGIN_TLS": "1",
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }
