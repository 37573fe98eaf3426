"""One server for each function: started, supervised and stopped together."""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cli.dev.guard import Guard
from cli.dev.server_process import FunctionServer, OnLine, ServerSpec, threads_for
from shared.errors import SettingsError
from shared.pipeline.stage import Function
from shared.pipeline.topology import Topology

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_SECONDS = 60.0
POLL_SECONDS = 0.1


@dataclass(slots=True)
class _Care:
    """A server's health: failures in a row, start time, earliest next start."""

    failures: int = 0
    started_at: float = 0.0
    due_at: float | None = None


class Servers:
    """The functions of a topology, each in its own process.

    `notice` receives a function's name and a sentence for people. Call `tend` at intervals.
    """

    def __init__(
        self,
        topology: Topology,
        environment: Mapping[str, str],
        *,
        on_line: OnLine,
        notice: OnLine,
        guard: Guard | None = None,
        port_base: int | None = None,
        threads: int = 2,
    ) -> None:
        """Raises `SettingsError` if one of the ports from `port_base` on is in use."""
        self._notice = notice
        # gunicorn keeps a control socket here; otherwise it would use the user's home.
        self._runtime = Path(tempfile.mkdtemp(prefix="videomoments-dev-"))
        ports = choose_ports(len(topology.functions), port_base)
        self._servers = {
            function.name: FunctionServer(
                self._spec(function, port, environment, threads), on_line=on_line, guard=guard
            )
            for function, port in zip(topology.functions, ports, strict=True)
        }
        self._care = {name: _Care() for name in self._servers}

    def _spec(
        self, function: Function, port: int, environment: Mapping[str, str], threads: int
    ) -> ServerSpec:
        folder = self._runtime / function.name
        folder.mkdir()
        own = {**environment, "XDG_RUNTIME_DIR": str(folder)}
        return ServerSpec(function.name, port, own, threads_for(function, threads))

    def __getitem__(self, name: str) -> FunctionServer:
        """The server of that function."""
        return self._servers[name]

    @property
    def urls(self) -> dict[str, str]:
        """The address at which each function takes pushes."""
        return {name: server.spec.url for name, server in self._servers.items()}

    def start(self) -> None:
        """Start all servers without waiting for them."""
        for name in self._servers:
            self._start(name)

    def wait_until_ready(
        self,
        timeout_seconds: float,
        *,
        on_ready: Callable[[str, str], None] | None = None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> set[str]:
        """Call `on_ready` for each server that answers; return the servers that do not yet."""
        waiting = set(self._servers)
        deadline = time.monotonic() + timeout_seconds
        while waiting and time.monotonic() < deadline and not stopped():
            self.tend()
            for name in [name for name in self._servers if name in waiting]:
                if self._servers[name].answers():
                    waiting.discard(name)
                    if on_ready is not None:
                        on_ready(name, self._servers[name].spec.url)
            time.sleep(POLL_SECONDS)
        return waiting

    def tend(self) -> None:
        """Report servers that have died, and restart them after a growing pause."""
        now = time.monotonic()
        for name, server in self._servers.items():
            care = self._care[name]
            if care.due_at is None and server.exit_code is not None:
                self._report(name, server.exit_code, now)
                server.end(0)
            if care.due_at is not None and now >= care.due_at:
                self._start(name)

    def stop(self, patience_seconds: float = 5.0) -> None:
        """End all servers together; kill those that take too long."""
        for server in self._servers.values():
            server.ask_to_end()
        deadline = time.monotonic() + patience_seconds
        for server in self._servers.values():
            server.end(deadline - time.monotonic())
        shutil.rmtree(self._runtime, ignore_errors=True)

    def _start(self, name: str) -> None:
        self._care[name].due_at = None
        self._care[name].started_at = time.monotonic()
        self._servers[name].start()

    def _report(self, name: str, code: int, now: float) -> None:
        care = self._care[name]
        care.failures = 1 if now - care.started_at > HEALTHY_SECONDS else care.failures + 1
        pause = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** (care.failures - 1))
        care.due_at = now + pause
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._notice(name, f"The server {how}; it restarts in {pause:.0f} s.")


def choose_ports(count: int, base: int | None) -> list[int]:
    """Ports from `base` on, or free ones. Raises `SettingsError` that names a port in use."""
    with contextlib.ExitStack() as stack:
        ports = []
        # Hold all ports until the last is chosen, so that no port is chosen twice.
        for index in range(count):
            probe = stack.enter_context(socket.socket())
            # Bind as the server does: connections of an earlier run may linger.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            wanted = 0 if base is None else base + index
            try:
                probe.bind(("127.0.0.1", wanted))
            except (OSError, OverflowError) as error:
                raise SettingsError(
                    f"Port {wanted} cannot be used ({error}); choose another --port-base."
                ) from error
            ports.append(int(probe.getsockname()[1]))
        return ports
