"""The official Pub/Sub emulator, found in the gcloud installation and run as a child process."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO

HOW_TO_GET_IT = (
    "The Pub/Sub emulator was not found. Install the Google Cloud CLI, then run"
    " `gcloud components install pubsub-emulator` (or `apt install"
    " google-cloud-cli-pubsub-emulator`), and put java on the PATH."
)
_LAUNCHER = Path("platform/pubsub-emulator/bin/cloud-pubsub-emulator")


def find_emulator() -> Path | None:
    """The emulator's launcher; None if the launcher or java is missing."""
    gcloud = shutil.which("gcloud")
    if gcloud is None or shutil.which("java") is None:
        return None
    real = Path(gcloud).resolve()
    roots = [real.parent.parent, real.parent.parent / "google-cloud-sdk"]
    # Debian's packages put the SDK elsewhere than the command.
    roots += [Path("/usr/lib/google-cloud-sdk"), Path("/usr/share/google-cloud-sdk")]
    return next((root / _LAUNCHER for root in roots if (root / _LAUNCHER).is_file()), None)


class PubSubEmulator:
    """One emulator process on a free loopback port; it forgets everything when it stops."""

    def __init__(self, launcher: Path | None = None, *, port: int | None = None) -> None:
        found = launcher or find_emulator()
        if found is None:
            raise FileNotFoundError(HOW_TO_GET_IT)
        self._launcher = found
        self._port = port or _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    @property
    def host(self) -> str:
        """`host:port`, in the form of PUBSUB_EMULATOR_HOST."""
        return f"127.0.0.1:{self._port}"

    @property
    def process_group(self) -> int | None:
        """The process group of its launcher and java; None if it was not started."""
        return self._process.pid if self._process is not None else None

    @property
    def is_running(self) -> bool:
        """Whether its process is alive."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_seconds: float = 60.0) -> str:
        """Start it (again, on the same port) and return its host once it answers.

        Raises RuntimeError, with the end of its output, if it does not start.
        """
        self.stop()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        command = [str(self._launcher), "--host=127.0.0.1", f"--port={self._port}"]
        # In a group of its own, it does not receive Ctrl-C; we stop launcher and java together.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "JAVA_OPTS": os.environ.get("JAVA_OPTS", "-Xmx256m")},
        )
        deadline = time.monotonic() + timeout_seconds
        while not _answers(self._port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                output = self.output()
                self.stop()
                raise RuntimeError(f"The Pub/Sub emulator did not start:\n{output}")
            time.sleep(0.1)
        return self.host

    def output(self) -> str:
        """The end of its output."""
        if self._log is None:
            return ""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 4000))
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        """Stop it and everything it started, if it runs."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        if self._log is not None:
            self._log.close()
            self._log = None

    def __enter__(self) -> PubSubEmulator:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _end(process: subprocess.Popen[bytes]) -> None:
    for sign, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            break
    # The launcher has ended; kill the rest of its group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    """Whether it serves. It answers HTTP on its gRPC port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return connection.recv(4) == b"HTTP"
    except OSError:
        return False
