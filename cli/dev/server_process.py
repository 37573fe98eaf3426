"""One function behind functions-framework, in its own process."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

import functions
from cli.dev.guard import Guard
from shared.pipeline.stage import Function

OnLine = Callable[[str, str], None]
_ROOT = Path(functions.__file__).resolve().parents[1]
SOURCE = Path(functions.__file__).resolve().with_name("main.py")
# functions-framework also reads its options from these variables. Values set for other programs
# must not change how a function is served.
_FRAMEWORK = frozenset(
    [
        "DEBUG",
        "HOST",
        "PORT",
        "WORKERS",
        "THREADS",
        "CLOUD_RUN_TIMEOUT_SECONDS",
        "FUNCTION_TARGET",
        "FUNCTION_SOURCE",
        "FUNCTION_SIGNATURE_TYPE",
        "FUNCTION_USE_ASGI",
    ]
)


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """The function, its port and its environment. `threads`: messages handled at once."""

    name: str
    port: int
    environment: Mapping[str, str]
    threads: int

    @property
    def url(self) -> str:
        """The address at which it takes pushes."""
        return f"http://127.0.0.1:{self.port}/"


def threads_for(function: Function, at_least: int) -> int:
    """Messages at once: as many as a cloud instance takes, within this machine's limit."""
    return max(function.resources.concurrency, at_least)


class FunctionServer:
    """A server that starts and stops any number of times on one port."""

    def __init__(self, spec: ServerSpec, *, on_line: OnLine, guard: Guard | None = None) -> None:
        """`on_line` receives the function's name and each line of its output."""
        self.spec = spec
        self._on_line = on_line
        self._guard = guard
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The server's process; None if it was not started."""
        return self._process.pid if self._process is not None else None

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self._process.poll() if self._process is not None else None

    def start(self) -> None:
        """Start it. It may answer only after some seconds."""
        spec = self.spec
        command = [sys.executable, "-m", "functions_framework", "--source", str(SOURCE)]
        command += ["--target", spec.name, "--host", "127.0.0.1", "--port", str(spec.port)]
        # In a group of its own, it does not receive Ctrl-C; we end server and workers together.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_environment(spec),
            start_new_session=True,
        )
        if self._guard is not None:
            self._guard.watch(self._process.pid)
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name=f"lines-{spec.name}", daemon=True
        )
        self._reader.start()

    def answers(self) -> bool:
        """Whether it takes requests."""
        connection = http.client.HTTPConnection("127.0.0.1", self.spec.port, timeout=2)
        try:
            connection.request("GET", "/")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def ask_to_end(self) -> None:
        """Ask it to finish its requests and end."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)

    def end(self, patience_seconds: float) -> None:
        """Wait until it ends, then kill what is left of it and its children."""
        process = self._process
        if process is None:
            return
        family = descendants(process.pid)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, patience_seconds))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        for child in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        process.wait()
        if self._guard is not None:
            self._guard.forget(process.pid)
        if self._reader is not None:
            self._reader.join(timeout=2)
        self._process = None

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                if text := line.rstrip():
                    # Keep reading after a bad line: a full pipe would block the function.
                    with contextlib.suppress(Exception):
                        self._on_line(self.spec.name, text)


def descendants(pid: int) -> list[psutil.Process]:
    """All descendants of that process at this moment."""
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _environment(spec: ServerSpec) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in _FRAMEWORK}
    path = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get("PYTHONPATH")]))
    return {
        **inherited,
        "PYTHONPATH": path,
        "PYTHONUNBUFFERED": "1",
        "WORKERS": "1",
        "THREADS": str(spec.threads),
        **spec.environment,
    }
