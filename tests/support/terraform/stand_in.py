"""A program in terraform's place that prints what is wanted, and a folder that it can plan in."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def set_up_configuration(monkeypatch: pytest.MonkeyPatch, folder: Path, bucket: str) -> None:
    """Make this the doctor's configuration, initialised for the state in that bucket."""
    (folder / "environments").mkdir(parents=True)
    (folder / "environments" / "dev.tfvars").touch()
    (folder / ".terraform").mkdir()
    note = {"version": 3, "backend": {"type": "gcs", "config": {"bucket": bucket}}}
    (folder / ".terraform" / "terraform.tfstate").write_text(json.dumps(note), encoding="utf-8")
    monkeypatch.setattr("cli.doctor.cloud.terraform.CONFIGURATION", folder)


def put_terraform(
    monkeypatch: pytest.MonkeyPatch, folder: Path, code: int, output: str = "", *, first: str = ""
) -> Path:
    """Put the program on the PATH. It runs `first`, prints the output and ends with that code.

    Returns the file in which it writes its arguments and its environment, one a line.
    """
    folder.mkdir(exist_ok=True)
    said, noted, program = folder / "said", folder / "noted", folder / "terraform"
    said.write_text(output, encoding="utf-8")
    program.write_text(
        f"#!/bin/sh\n(printf '%s\\n' \"$@\"; env) >'{noted}'\n{first}\ncat '{said}'\nexit {code}\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return noted
