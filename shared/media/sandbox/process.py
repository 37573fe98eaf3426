"""Run one child process with limits, in its own process group, until a deadline."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal, Self, cast

LAUNCHER = Path(__file__).parents[1] / "child" / "launch.py"
_PROJECT_ROOT = LAUNCHER.parents[3]
_STDERR_KEPT_BYTES = 8192
_BUSY_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """The resources that one media child may use, and the ffmpeg it runs (None: find one).

    The address space is generous because codecs reserve far more than they touch: re-encoding
    3840x2160 with two threads takes 1.5 GiB, a probe less than 0.6.
    """

    address_space_bytes: int = 4 * 1024**3
    cpu_seconds: int = 1200
    file_size_bytes: int = 8 * 1024**3
    max_pixels: int = 64_000_000
    threads: int = 2
    ffmpeg: str | None = None


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The limits of a media child, and the seconds after which it is killed."""

    limits: Limits
    deadline_seconds: float

    def within(self, seconds: float) -> Sandbox:
        """The same limits with that deadline."""
        return replace(self, deadline_seconds=seconds)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a child ended. `overran`: it was killed at its deadline; `busy`: it was computing."""

    return_code: int
    stderr: str
    overran: bool
    busy: bool


class Child:
    """A running child. Its whole process group is killed at the deadline or on leaving the block.

    The thread that starts it must outlive it: the kernel ties the parent-death signal to a thread.
    """

    def __init__(
        self,
        kind: Literal["exec", "child"],
        arguments: Sequence[str],
        sandbox: Sandbox,
    ) -> None:
        self._process = subprocess.Popen(
            _command(kind, arguments, sandbox.limits),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,
        )
        self.stdout = cast("BinaryIO", self._process.stdout)
        self._stderr = cast("BinaryIO", self._process.stderr)
        self._started = time.monotonic()
        self._overran = self._busy = False
        self._stderr_tail = b""
        self._drain = threading.Thread(target=self._keep_stderr_tail, daemon=True)
        self._drain.start()
        self._timer = threading.Timer(max(0.0, sandbox.deadline_seconds), self._overrun)
        self._timer.daemon = True
        self._timer.start()

    @property
    def pid(self) -> int:
        """The process id, which is also the group's."""
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._kill()
        self.finish()
        self.stdout.close()
        self._stderr.close()

    def finish(self) -> Ending:
        """Wait until the child ends. The caller must have read its standard output to the end."""
        code = self._process.wait()
        self._timer.cancel()
        self._drain.join()
        stderr = self._stderr_tail.decode("utf-8", errors="replace").strip()
        return Ending(code, stderr, self._overran, self._busy)

    def _keep_stderr_tail(self) -> None:
        while chunk := os.read(self._stderr.fileno(), 65536):
            self._stderr_tail = (self._stderr_tail + chunk)[-_STDERR_KEPT_BYTES:]

    def _overrun(self) -> None:
        if self._process.poll() is None:
            self._overran = True
            elapsed = time.monotonic() - self._started
            self._busy = _cpu_seconds(self.pid) > _BUSY_SHARE * elapsed
            self._kill()

    def _kill(self) -> None:
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


def _command(kind: Literal["exec", "child"], arguments: Sequence[str], limits: Limits) -> list[str]:
    encoded_limits = json.dumps(
        {
            "address_space_bytes": limits.address_space_bytes,
            "cpu_seconds": limits.cpu_seconds,
            "file_size_bytes": limits.file_size_bytes,
            "parent": os.getpid(),
        }
    )
    # -S skips the site packages: only the Python child needs them.
    isolated = ["-I", "-S"] if kind == "exec" else ["-I"]
    root = [str(_PROJECT_ROOT)] if kind == "child" else []
    return [sys.executable, *isolated, str(LAUNCHER), encoded_limits, kind, *root, *arguments]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return {"PATH": os.defpath, **kept, "LANG": "C.UTF-8"}


def _cpu_seconds(pid: int) -> float:
    """The CPU time the process has used so far; 0 on systems that do not report it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
