"""Opening one database connection: ours against pg8000's defaults, over TCP on this machine.

    python -m tools.bench.connect

By default pg8000 builds a TLS context for every connection, even if the server does not speak
TLS. Uses VIDEOMOMENTS_DATABASE_URL (a server reached over TCP), or an embedded server behind a
forwarder from TCP to its Unix socket.
"""

from __future__ import annotations

import contextlib
import os
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pg8000.dbapi

from cli.local.postgres.embedded import EmbeddedPostgres
from shared.db.connect import ServerAddress, SessionLimits, connector_for
from shared.db.url import parse_database_url

ROUNDS = 40


def main() -> None:
    """Print milliseconds per connection: ours, the baseline, and the ratio."""
    with _target() as target:
        ours = _median_ms(connector_for(target, SessionLimits()))
        baseline = _median_ms(lambda: _plain_connect(target))
    print(f"ours      {ours:8.2f} ms per connection")
    print(f"baseline  {baseline:8.2f} ms per connection (pg8000's defaults)")
    print(f"ratio     {ours / baseline:8.3f}")


def _plain_connect(target: ServerAddress) -> Any:
    return pg8000.dbapi.connect(
        target.user,
        host=target.host,
        port=target.port,
        database=target.database,
        password=target.password,
    )


def _median_ms(connect: Callable[[], Any]) -> float:
    """Median of `ROUNDS` connections, each closed again, after a warm-up."""
    connect().close()
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        connection = connect()
        taken.append((time.perf_counter() - began) * 1000)
        connection.close()
    return statistics.median(taken)


@contextlib.contextmanager
def _target() -> Iterator[ServerAddress]:
    given = os.environ.get("VIDEOMOMENTS_DATABASE_URL")
    if given:
        yield parse_database_url(given)[1]
        return
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # If root runs this, another account owns the server.
        with (
            EmbeddedPostgres(Path(folder)) as postgres,
            _forwarder((local := parse_database_url(postgres.url())[1]).unix_socket or "") as port,
        ):
            yield ServerAddress(
                user=local.user,
                password=None,
                database=local.database,
                host="127.0.0.1",
                port=port,
                ssl_mode="disable",
            )


@contextlib.contextmanager
def _forwarder(unix_socket: str) -> Iterator[int]:
    """A TCP port on loopback that forwards every connection to `unix_socket`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, unix_socket), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, unix_socket: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            outside, _ = listener.accept()
            inside = socket.socket(socket.AF_UNIX)
            inside.connect(unix_socket)
            for source, sink in ((outside, inside), (inside, outside)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


if __name__ == "__main__":
    main()
