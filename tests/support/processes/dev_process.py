"""`videomoments dev` as a process of its own, for the tests."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from cli.local.dev_note import Running, find_running
from shared.domain.documents import Json
from tests.support.patience import PATIENCE_SECONDS
from tests.support.processes.command import command, environment, videomoments
from tests.support.processes.emulated import eventually, family

QUICK = {
    "retry_base_seconds": "1",
    "republish_seconds": "2",
    "max_moments": "1",
    "min_moment_length_seconds": "3",
}


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
        """All output so far."""
        return self.output.read_text(errors="replace")

    def pipelines(self) -> list[Json]:
        """The runs that `videomoments status --json` shows."""
        done = videomoments("status", "--json", "--data", self.data, env=self.env)
        assert done.returncode == 0, done.stderr
        found: list[Json] = json.loads(done.stdout)["pipelines"]
        return found

    def completed(self, count: int) -> dict[str, Json]:
        """That many runs by file name, once all have ended; asserts that each completed."""

        def look() -> list[Json] | None:
            time.sleep(0.3)
            found = self.pipelines()
            ended = all(pipeline["status"] != "running" for pipeline in found)
            return found if len(found) >= count and ended else None

        found = eventually(f"the end of {count} runs\n{self.said()[-3000:]}", look)
        assert [pipeline["status"] for pipeline in found] == ["completed"] * count, found
        return {pipeline["video"]["cloud_url"].rpartition("/")[2]: pipeline for pipeline in found}

    def everything(self) -> list[psutil.Process]:
        """All processes of it seen so far."""
        self.children = list({*self.children, *family(self.process.pid)[1:]})
        return self.children

    def gone(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Assert that none of its processes remains, PostgreSQL included."""
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
        """Stop it, and assert that it exits well and leaves no process."""
        self.everything()
        self.process.send_signal(number)
        assert self.process.wait(PATIENCE_SECONDS) == 0, self.said()
        self.gone()
        assert not (self.data / "dev.json").exists()


@contextmanager
def running_dev(tmp_path: Path, *options: str, **settings: str) -> Iterator[Dev]:
    """A `videomoments dev` on a new data folder; killed at the end if it still runs."""
    env = environment(**{**QUICK, **settings})
    env.pop("PUBSUB_EMULATOR_HOST", None)
    dev = Dev(tmp_path / "data", env, *options)
    try:
        yield dev
    finally:
        dev.process.kill()
        dev.process.wait()
