"""Terraform for tests: offline, in a copy, with the stub as its provider."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.terraform.provider_schema import SCHEMA_FILE, TERRAFORM

STUB = Path(__file__).resolve().with_name("stub_provider.py")
MISSING = "terraform is not installed: https://developer.hashicorp.com/terraform/install"


def find_terraform() -> str:
    """The terraform on the PATH; without one the test is skipped."""
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
        """Run terraform there; the caller checks its exit code."""
        return subprocess.run(
            [find_terraform(), *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def copy(self, folder: Path) -> Workspace:
        """Another copy, to be changed."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workspace(folder, self.environment)


@contextmanager
def serving_stub(schema: Path = SCHEMA_FILE) -> Iterator[dict[str, str]]:
    """Run the stub as a process; yields the environment in which Terraform joins it.

    Terraform starts a provider a dozen times for one test of the configuration. To start this one
    takes longer than all of its answers.
    """
    command = [sys.executable, str(STUB), str(schema)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as stub:
        assert stub.stdin is not None
        assert stub.stdout is not None
        try:
            port = int(stub.stdout.readline())
            yield _environment(port, stub.pid)
        finally:
            stub.stdin.close()


def make_workspace(folder: Path, environment: dict[str, str]) -> Workspace:
    """Copy infra/terraform below `folder`, and initialise the copy in that environment."""
    target = folder / "configuration"
    shutil.copytree(TERRAFORM, target, ignore=shutil.ignore_patterns(".terraform*"))
    workspace = Workspace(target, environment)
    done = workspace.terraform("init", "-backend=false", "-input=false", "-no-color")
    assert done.returncode == 0, done.stdout + done.stderr
    return workspace


def _environment(port: int, pid: int) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TF_")}
    running = {
        "Protocol": "grpc",
        "ProtocolVersion": 6,
        "Pid": pid,
        # Terraform leaves it running.
        "Test": True,
        "Addr": {"Network": "tcp", "String": f"127.0.0.1:{port}"},
    }
    return kept | {
        # No configuration of this account's, such as a mirror of the registry.
        "TF_CLI_CONFIG_FILE": os.devnull,
        "TF_REATTACH_PROVIDERS": json.dumps({"registry.terraform.io/hashicorp/google": running}),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        # Terraform ends within seconds; memory is cheaper than collecting garbage meanwhile.
        "GOGC": "1000",
    }
