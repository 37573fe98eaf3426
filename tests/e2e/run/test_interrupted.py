"""`videomoments run` interrupted by its user: Ctrl-C, a kill, a deletion from another terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_SECONDS
from tests.support.processes.command import SAMPLE, command, environment, videomoments

# What a shell starts in the background ignores Ctrl-C, and so does all that is started by it.
INTERRUPTIBLE = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)


@contextmanager
def listening(data: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A run of the sample at the start of its transcription."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *command("run", SAMPLE, "--data", data)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env={**env, "VIDEOMOMENTS_SUBTITLES": "never"},
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr as lines:
        assert any("split_audio" in line and "completed" in line for line in lines)
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=PATIENCE_SECONDS)


@pytest.fixture
def env(database_url: str) -> dict[str, str]:
    """Offline speech, a database of its own."""
    return environment(database_url=database_url)


def only_video(data: Path, env: dict[str, str]) -> str:
    """The identifier of the only video."""
    asked = videomoments("explain", SAMPLE.name, "--data", data, env=env)
    return asked.stderr.split("Did you mean ")[1].split("?")[0]


def explained(data: Path, env: dict[str, str]) -> str:
    """The output of `explain` for it."""
    return videomoments("explain", only_video(data, env), "--data", data, env=env).stdout


def test_run_says_what_it_waits_for_after_ctrl_c(tmp_path: Path, env: dict[str, str]) -> None:
    """It exits with 130, names the step it waits for and the command that continues."""
    with listening(tmp_path, env) as run:
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None
        said = run.stderr.read()
        assert run.wait(PATIENCE_SECONDS) == 130
    assert "Stopping; running steps get 10 s to finish. Press Ctrl-C again to stop at once." in said
    assert said.strip().endswith("videomoments: stopped; the same command goes on.")


def test_explain_reports_a_killed_run_as_interrupted(tmp_path: Path, env: dict[str, str]) -> None:
    """After a second Ctrl-C it shows no active worker and gives a command to continue."""
    with listening(tmp_path, env) as run:
        working = explained(tmp_path, env)
        assert run.stderr is not None
        run.send_signal(signal.SIGINT)
        assert any("Stopping; " in line for line in run.stderr)
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE_SECONDS) == 130
    killed = explained(tmp_path, env)
    assert "Running for" in working
    assert "What to do: wait." in working
    assert "Running for" not in killed
    assert "Interrupted: listening to the speech" in killed
    assert "no worker is running. Give the `videomoments run` command again" in killed


def test_run_exits_with_1_when_its_video_is_deleted(tmp_path: Path, env: dict[str, str]) -> None:
    """One line gives the reason."""
    with listening(tmp_path, env) as run:
        video = only_video(tmp_path, env)
        done = videomoments("delete", video, "--data", tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        assert run.stderr is not None
        said = run.stderr.read()
        assert run.wait(PATIENCE_SECONDS) == 1
    assert "The video was deleted during the run." in said.splitlines()[-1]
    retried = videomoments("retry", video, "--data", tmp_path, env=env)
    assert f"The video {video} was deleted." in retried.stderr
