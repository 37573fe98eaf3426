"""The plugin that turns skips into failures, run in a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULE = """
import pytest

@pytest.mark.skipif(True, reason="The Pub/Sub emulator was not found.")
def test_marked(): ...

def test_skips_itself():
    pytest.skip("real speech is not beside the project (../shared/media)")

@pytest.mark.skip(reason="only on another system")
def test_other(): ...

@pytest.mark.xfail(reason="the emulator forgets", strict=True)
def test_expected_to_fail():
    assert False
"""
WHOLE_MODULE = """
import pytest
pytest.skip("The Pub/Sub emulator was not found.", allow_module_level=True)
"""


def run(folder: Path, source: str, required: str) -> str:
    """The output of pytest on `source`."""
    (folder / "test_sample.py").write_text(source)
    options = ["-p", "tests.support.required", "-p", "no:cacheprovider", "-c", os.devnull]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--rootdir", str(folder), "test_sample.py"],
        cwd=folder,
        env=os.environ | {"VIDEOMOMENTS_TEST_REQUIRE": required, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_required_leaves_skips_alone_when_no_part_is_required(tmp_path: Path) -> None:
    """No part is required by default."""
    assert "3 skipped, 1 xfailed" in run(tmp_path, MODULE, "")


@pytest.mark.parametrize(
    ("part", "ending"),
    [("emulator", "2 skipped, 1 xfailed, 1 error"), ("media", "1 failed, 2 skipped, 1 xfailed")],
)
def test_required_fails_a_skip_when_its_part_is_required(
    tmp_path: Path, part: str, ending: str
) -> None:
    """Only that skip becomes a failure, and the failure names the part."""
    output = run(tmp_path, MODULE, part)
    assert ending in output
    assert f"requires '{part}'" in output


def test_required_fails_a_skipped_module(tmp_path: Path) -> None:
    """A module that skips itself during collection is an error."""
    assert "1 error" in run(tmp_path, WHOLE_MODULE, "emulator")


def test_required_refuses_an_unknown_part(tmp_path: Path) -> None:
    """A misspelt part stops the run."""
    assert "names emulatr; there are:" in run(tmp_path, MODULE, "media,emulatr")
