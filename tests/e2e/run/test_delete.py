"""Deleting a video and collecting garbage, as a user does."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.support.processes.command import (
    SAMPLE,
    check_outputs,
    environment,
    run_json,
    videomoments,
)

COMMANDS = ["explain", "retry", "doctor", "delete", "gc"]


@pytest.mark.parametrize("name", COMMANDS)
def test_delete_and_collect_have_help_with_an_example(name: str) -> None:
    """`--help` explains the command and shows an example."""
    done = videomoments(name, "--help")
    assert done.returncode == 0
    assert f"Example: videomoments {name}" in " ".join(done.stdout.split())


def files(folder: Path) -> list[str]:
    """The names of all files below it."""
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_delete_removes_a_video_until_it_is_run_again(tmp_path: Path, database_url: str) -> None:
    """Rows and files go, the upload stays; another run makes everything again."""
    data, env = tmp_path / "data", environment(database_url=database_url, max_moments="1")
    (first,) = run_json(SAMPLE, "--data", data, env=env)
    video = first["video"]["identifier"]
    done = videomoments("delete", video, "--data", data, env=env)
    assert done.returncode == 0, done.stderr
    assert "1 run and 3 objects" in done.stdout
    assert files(data / "buckets" / "derived") == []
    assert files(data / "buckets" / "uploads") == [SAMPLE.name]
    status = json.loads(videomoments("status", "--json", "--data", data, env=env).stdout)
    assert status["pipelines"] == []
    assert "was deleted on" in videomoments("explain", video, "--data", data, env=env).stdout
    (again,) = run_json(SAMPLE, "--data", data, env=env)
    assert again["video"]["identifier"] == video
    check_outputs(again)
    videomoments("delete", video, "--with-source", "--data", data, env=env)
    assert files(data / "buckets") == []


def test_collect_lists_garbage_before_it_deletes_it(tmp_path: Path, database_url: str) -> None:
    """A dry run deletes nothing; young objects, results and foreign files stay."""
    data, env = tmp_path / "data", environment(database_url=database_url, max_moments="1")
    (pipeline,) = run_json(SAMPLE, "--data", data, env=env)
    (clip,) = (data / "buckets" / "derived" / "clips").rglob("*.mp4")
    lost = clip.with_name(f"{clip.name[:8]}-07-0123456789.mp4")
    foreign = clip.with_name("mine.mp4")
    for path in (lost, foreign):
        path.write_bytes(b"bytes")
        then = time.time() - 30 * 3600
        os.utime(path, (then, then))

    def gc(*options: str) -> list[str]:
        done = videomoments("gc", "--json", *options, "--data", data, env=env)
        assert done.returncode == 0, done.stderr
        return [Path(found["url"]).name for found in json.loads(done.stdout)["objects"]]

    assert gc("--dry-run") == [lost.name]
    assert gc("--grace-hours", "48") == []
    assert lost.exists()
    assert gc() == [lost.name]
    assert (lost.exists(), foreign.exists()) == (False, True)
    check_outputs(pipeline)


@pytest.mark.parametrize("what", ["a file", "below a file", "not writable"])
def test_command_names_an_unusable_data_folder_in_one_line(tmp_path: Path, what: str) -> None:
    """The line names the folder and the remedy, without a traceback."""
    (tmp_path / "file").touch()
    data = tmp_path / "file" if what == "a file" else tmp_path / "file" / "data"
    if what == "not writable":
        (tmp_path / "closed").mkdir(mode=0o500)
        data = tmp_path / "closed" / "data"
        if os.access(tmp_path / "closed", os.W_OK):
            data = Path("/sys/closed")  # not even root may
    for arguments in (["run", SAMPLE], ["retry", "nobody-0123456789"], ["gc"]):
        done = videomoments(*arguments, "--data", data)
        assert done.returncode == 1
        (line,) = done.stderr.strip().splitlines()
        assert str(data) in line
