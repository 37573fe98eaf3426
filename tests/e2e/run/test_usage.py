"""The answers of `videomoments` to wrong command lines, settings and files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.processes.command import SAMPLE, environment, run_json, videomoments

COMMANDS = ["run", "status", "publish", "topology", "db upgrade", "db current"]


@pytest.mark.parametrize("name", COMMANDS)
def test_command_has_help_with_an_example(name: str) -> None:
    """`--help` explains the command and shows an example."""
    done = videomoments(*name.split(), "--help")
    assert done.returncode == 0
    assert f"Example: videomoments {name}" in " ".join(done.stdout.split())


def test_command_escapes_text_on_an_ascii_terminal() -> None:
    """Characters that the terminal cannot show are written out."""
    done = videomoments(
        "topology", "--markdown", env={**environment(), "PYTHONIOENCODING": "ascii"}
    )
    assert done.returncode == 0
    assert "\\u2013" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["run", "no-such-file.mp4"],
        ["run", "."],
        ["run", str(SAMPLE), "--pipeline-type", "half"],
        ["run", str(SAMPLE), "--min-length", "50", "--max-length", "10"],
        ["run", str(SAMPLE), "--max-moments", "0"],
        ["run", str(SAMPLE), "--padding-left", "-1"],
        ["no-such-command"],
    ],
)
def test_command_exits_with_2_when_its_line_is_wrong(arguments: list[str], tmp_path: Path) -> None:
    """A usage error is one message without a traceback."""
    data = ["--data", str(tmp_path)] if arguments[0] == "run" else []
    done = videomoments(*arguments, *data)
    assert done.returncode == 2
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_moments", "many"),
        ("heartbeat_seconds", "80"),
        ("upload_url", "ftp://bucket"),
        ("speech_engine", "ears"),
    ],
)
def test_command_names_a_wrong_setting(name: str, value: str, tmp_path: Path) -> None:
    """The message names the setting, and no work starts."""
    done = videomoments("run", SAMPLE, "--data", tmp_path, env=environment(**{name: value}))
    assert done.returncode == 1
    assert name.upper() in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "postgres").exists()


def test_run_refuses_a_pipe(tmp_path: Path) -> None:
    """A pipe can be read only once and may never end, so it is refused at once."""
    os.mkfifo(tmp_path / "pipe.mp4")
    done = videomoments("run", tmp_path / "pipe.mp4", "--data", tmp_path / "data")
    assert done.returncode == 2
    assert "is a pipe or a device" in " ".join(done.stderr.split())


def test_run_refuses_an_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """The error comes before the work begins."""
    (tmp_path / "file").touch()
    done = videomoments("run", SAMPLE, "--data", tmp_path / "data", "--out", tmp_path / "file/out")
    assert done.returncode == 1
    assert f"{tmp_path}/file/out: Not a directory" in done.stderr
    assert not (tmp_path / "data").exists()


def test_command_reports_an_unreachable_database_in_one_line(tmp_path: Path) -> None:
    """The message does not show the password."""
    url = "postgresql+pg8000://user:hidden-word@127.0.0.1:9/nothing"
    done = videomoments("run", SAMPLE, "--data", tmp_path, env=environment(database_url=url))
    assert done.returncode == 1
    assert "127.0.0.1" in done.stderr
    assert "hidden-word" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_run_continues_with_good_files_when_others_fail(tmp_path: Path, database_url: str) -> None:
    """A text, an empty file and a playlist each fail in one line; the rest completes."""
    text, empty, listing = (tmp_path / name for name in ("text.mp4", "empty.mp4", "list.mp4"))
    text.write_text("This is no video.\n" * 50, encoding="utf-8")
    empty.touch()
    listing.write_text("#EXTM3U\n#EXTINF:5,\nfile:///etc/hostname\n", encoding="utf-8")
    env = environment(database_url=database_url)
    files = [text, empty, listing, SAMPLE]
    found = run_json(*files, "--data", tmp_path / "data", env=env, expect=1)
    assert [pipeline["status"] for pipeline in found] == ["failed"] * 3 + ["completed"]
    assert all(pipeline["error_message"] for pipeline in found[:3])
    assert [p["error_stage"] for p in found[:3]] == ["probe_video", "start_pipeline", "probe_video"]
    done = videomoments("run", text, "--data", tmp_path / "data", env=env)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith("text.mp4: failed at probe_video: ")
