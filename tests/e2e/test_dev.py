"""`videomoments dev` as a person uses it: started, fed by copying files, stopped by Ctrl-C."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from cli.emulator import HOW_TO_GET_IT, find_emulator
from cli.running import Running, find_running
from tests.e2e.command import (
    SAMPLE,
    Json,
    check_outputs,
    command,
    environment,
    videomoments,
    write_cues,
)
from tests.e2e.emulated import eventually, family
from tests.media_factory import make_video

QUICK = {
    "retry_base_seconds": "1",
    "republish_seconds": "2",
    "max_moments": "1",
    "min_moment_length_seconds": "3",
}
needs_emulator = pytest.mark.skipif(find_emulator() is None, reason=HOW_TO_GET_IT)
pytestmark = pytest.mark.xdist_group("emulator")


class Dev:
    """A running `videomoments dev`."""

    def __init__(self, data: Path, env: dict[str, str], *options: str) -> None:
        self.data = data
        self.env = env
        self.output = data.parent / f"{data.name}.log"
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command("dev", "--data", data, *options),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
            )
        self.note = eventually("the note of a running dev", self._running)
        eventually("its greeting", lambda: "Ready." in self.said())
        self.children = family(self.process.pid)[1:]

    def _running(self) -> Running | None:
        assert self.process.poll() is None, self.said()
        return find_running(self.data / "dev.json")

    @property
    def uploads(self) -> Path:
        """The bucket folder."""
        return self.data / "buckets" / "uploads"

    def said(self) -> str:
        """All it has printed."""
        return self.output.read_text(errors="replace")

    def pipelines(self) -> list[Json]:
        """What `videomoments status --json` shows."""
        done = videomoments("status", "--json", "--data", self.data, env=self.env)
        assert done.returncode == 0, done.stderr
        found: list[Json] = json.loads(done.stdout)["pipelines"]
        return found

    def completed(self, count: int) -> dict[str, Json]:
        """That many runs, by their file's name, once all have ended; each must be complete."""

        def look() -> list[Json] | None:
            time.sleep(0.3)
            found = self.pipelines()
            ended = all(pipeline["status"] != "running" for pipeline in found)
            return found if len(found) >= count and ended else None

        found = eventually(f"the end of {count} runs\n{self.said()[-3000:]}", look)
        assert [pipeline["status"] for pipeline in found] == ["completed"] * count, found
        return {pipeline["video"]["cloud_url"].rpartition("/")[2]: pipeline for pipeline in found}

    def everything(self) -> list[psutil.Process]:
        """All its processes that were ever seen."""
        self.children = list({*self.children, *family(self.process.pid)[1:]})
        return self.children

    def gone(self, seconds: float = 15) -> None:
        """Assert that no process of it is left, PostgreSQL's included."""
        _, left = psutil.wait_procs(self.children, timeout=seconds)
        assert [" ".join(one.cmdline()) for one in left] == []
        servers = [
            process
            for process in psutil.process_iter(["cmdline"])
            if str(self.data) in " ".join(process.info["cmdline"] or [])
        ]
        _, left = psutil.wait_procs(servers, timeout=seconds)
        assert [" ".join(one.cmdline()) for one in left] == []

    def stop(self, number: signal.Signals) -> None:
        """Stop it, and assert that it ends well and leaves nothing."""
        self.everything()
        self.process.send_signal(number)
        assert self.process.wait(30) == 0, self.said()
        self.gone()
        assert not (self.data / "dev.json").exists()


@contextmanager
def running_dev(tmp_path: Path, *options: str, **settings: str) -> Iterator[Dev]:
    """One on a new data folder; killed at the end if it still runs."""
    env = environment(**{**QUICK, **settings})
    env.pop("PUBSUB_EMULATOR_HOST", None)
    dev = Dev(tmp_path / "data", env, *options)
    try:
        yield dev
    finally:
        dev.process.kill()
        dev.process.wait()


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """A short video with subtitles beside it."""
    path = make_video(tmp_path / "made" / "talk.mp4", seconds=12)
    write_cues(path.with_suffix(".srt"))
    return path


def copy_slowly(source: Path, target: Path) -> None:
    """Write it in parts, with pauses longer than any program makes that is at work."""
    content = source.read_bytes()
    step = len(content) // 4 + 1
    with target.open("wb") as file:
        for start in range(0, len(content), step):
            file.write(content[start : start + step])
            file.flush()
            time.sleep(1.2)


@pytest.mark.emulator
@needs_emulator
def test_a_day_at_work(tmp_path: Path, talk: Path) -> None:
    """Files copied in slowly, renamed in and many at once complete, and Ctrl-C leaves nothing."""
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
        ["gcloud", *arguments], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert "messageIds" in done.stdout


def test_without_an_emulator(tmp_path: Path, talk: Path) -> None:
    """Topics in-process do the same work; what came while dev was down is found at its start."""
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
        assert "is at work in" in second.stderr

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
def test_killed_outright(tmp_path: Path, talk: Path) -> None:
    """Its children die with it; the next one goes on, with an emulator that remembers nothing."""
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


def test_an_emulator_that_must_be_there(tmp_path: Path) -> None:
    """Without the emulator `--emulator always` is an error that says how to get it."""
    env = {**environment(), "PATH": str(Path(command()[0]).parent)}
    env.pop("PUBSUB_EMULATOR_HOST", None)
    done = videomoments("dev", "--data", tmp_path / "data", "--emulator", "always", env=env)
    assert done.returncode == 1
    assert "gcloud components install pubsub-emulator" in done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    """A port that cannot be had is an error that names it, before anything is served."""
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
