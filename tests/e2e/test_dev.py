"""`videomoments dev` as a person uses it: started, fed by copying files, stopped by Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from cli.dev.emulator import HOW_TO_GET_IT, find_emulator
from cli.local.dev_note import find_running
from tests.support.media.factory import make_video
from tests.support.processes.command import (
    SAMPLE,
    check_outputs,
    command,
    environment,
    videomoments,
    write_cues,
)
from tests.support.processes.dev_process import Dev, running_dev
from tests.support.processes.emulated import eventually

needs_emulator = pytest.mark.skipif(find_emulator() is None, reason=HOW_TO_GET_IT)
pytestmark = pytest.mark.xdist_group("emulator")


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A short video with subtitles beside it."""
    path = make_video(tmp_path / "made" / "talk.mp4", seconds=12)
    write_cues(path.with_suffix(".srt"))
    return path


def copy_slowly(source: Path, target: Path) -> None:
    """Write the file in parts, with longer pauses than any working program makes."""
    content = source.read_bytes()
    step = len(content) // 4 + 1
    with target.open("wb") as file:
        for start in range(0, len(content), step):
            file.write(content[start : start + step])
            file.flush()
            time.sleep(1.2)


@pytest.mark.emulator
@needs_emulator
def test_dev_completes_files_copied_renamed_and_dropped_at_once(tmp_path: Path, talk: Path) -> None:
    """All runs complete, and Ctrl-C leaves no process."""
    with running_dev(tmp_path, "--emulator", "always") as dev:
        assert "the official emulator" in dev.said()
        for name, url in dev.note.functions.items():
            assert f"{name:<16} │ {url}" in dev.said()
        shutil.copy(talk.with_suffix(".srt"), dev.uploads / "slow.srt")
        copy_slowly(talk, dev.uploads / "slow.mp4")
        part = dev.uploads / "renamed.mp4.part"
        shutil.copy(SAMPLE, part)
        part.rename(dev.uploads / "renamed.mp4")
        shutil.copytree(talk.parent, dev.uploads / "many" / "one")
        found = dev.completed(3)
        assert sorted(found) == ["renamed.mp4", "slow.mp4", "talk.mp4"]
        for pipeline in found.values():
            assert len(pipeline["clips"]) == 1
            check_outputs(pipeline)

        video = found["slow.mp4"]["video"]["identifier"]
        request = json.dumps({"video": video, "request_id": "by hand"})
        done = videomoments(
            "publish", "pipeline-requested", request, "--data", dev.data, env=dev.env
        )
        assert done.returncode == 0, done.stderr
        dev.completed(4)
        gcloud(dev, json.dumps({"video": video, "request_id": "by gcloud"}))
        dev.completed(5)
        dev.stop(signal.SIGINT)
        assert "Stopped." in dev.said()


def gcloud(dev: Dev, message: str) -> None:
    """Publish as the README says."""
    env = {
        **os.environ,
        "CLOUDSDK_CONFIG": str(dev.data.parent / "gcloud"),
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB": f"{dev.note.api}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": dev.note.project,
    }
    arguments = ["pubsub", "topics", "publish", "pipeline-requested", f"--message={message}"]
    done = subprocess.run(
        ["gcloud", *arguments], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "messageIds" in done.stdout


def test_dev_works_without_an_emulator(tmp_path: Path, talk: Path) -> None:
    """In-process topics do the same work, and dev finds files that arrived while it was down."""
    uploads = tmp_path / "data" / "buckets" / "uploads"
    uploads.mkdir(parents=True)
    for path in (talk, talk.with_suffix(".srt")):
        shutil.copy(path, uploads)
    with running_dev(tmp_path, "--emulator", "never") as dev:
        assert "topics inside this process" in dev.said()
        found = dev.completed(1)["talk.mp4"]
        check_outputs(found)
        request = json.dumps({"video": found["video"]["identifier"], "request_id": "again"})
        done = videomoments(
            "publish", "pipeline-requested", request, "--data", dev.data, env=dev.env
        )
        assert done.returncode == 0, done.stderr
        dev.completed(2)
        if shutil.which("gcloud"):
            again = {"video": found["video"]["identifier"], "request_id": "by gcloud"}
            gcloud(dev, json.dumps(again))
            dev.completed(3)

        second = videomoments("dev", "--data", dev.data, env=dev.env)
        assert second.returncode == 1
        assert "is running in" in second.stderr

        before = len(dev.pipelines())
        _kill_function(dev, "cut_clip")
        eventually("the report", lambda: "was killed by signal 9" in dev.said())
        shutil.copy(talk, uploads / "after.mp4")
        shutil.copy(talk.with_suffix(".srt"), uploads / "after.srt")
        dev.completed(before + 1)
        dev.stop(signal.SIGTERM)


def _kill_function(dev: Dev, name: str) -> None:
    for process in dev.everything():
        if name in process.cmdline():
            process.kill()


@pytest.mark.emulator
@needs_emulator
def test_dev_continues_after_it_was_killed(tmp_path: Path, talk: Path) -> None:
    """Its children die with it; the next one completes the work with an empty emulator."""
    with running_dev(tmp_path) as dev:
        shutil.copy(SAMPLE, dev.uploads / "long.mp4")
        eventually("work", lambda: "make_thumbnail   │" in dev.said().partition("Ready.")[2])
        dev.everything()
        dev.process.kill()
        dev.process.wait()
        dev.gone()
        assert find_running(dev.data / "dev.json") is None
    with running_dev(tmp_path) as dev:
        (found,) = dev.completed(1).values()
        check_outputs(found)
        dev.stop(signal.SIGINT)


def test_dev_says_how_to_get_the_emulator_when_it_is_required(tmp_path: Path) -> None:
    """Without the emulator, `--emulator always` is an error with instructions."""
    env = {**environment(), "PATH": str(Path(command()[0]).parent)}
    env.pop("PUBSUB_EMULATOR_HOST", None)
    done = videomoments("dev", "--data", tmp_path / "data", "--emulator", "always", env=env)
    assert done.returncode == 1
    assert "gcloud components install pubsub-emulator" in done.stderr


def test_dev_names_a_port_in_use(tmp_path: Path) -> None:
    """The error comes before any function is served."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = videomoments(
            *("dev", "--data", tmp_path / "data", "--emulator", "never", "--port-base", port),
            env=environment(),
        )
    assert done.returncode == 1
    assert f"Port {port} cannot be used" in done.stderr
