"""Fixtures for all tests (a fresh, migrated database), and checks after every test."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from sqlalchemy import Engine

from cli.local.postgres.embedded import EmbeddedPostgres
from shared.db.engine import check_server, make_engine
from tests.support.databases.server import DatabaseServer

if TYPE_CHECKING:
    from tests.support.telemetry.otlp import Collector


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A PostgreSQL for the tests: the embedded one, or that of VIDEOMOMENTS_TEST_DATABASE_URL.

    All pytest-xdist workers share the embedded server, and the next session reuses it.
    """
    given = os.environ.get("VIDEOMOMENTS_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.gettempdir()) / f"videomoments-tests-{os.getuid()}"
    with EmbeddedPostgres(folder, fsync=False) as postgres:
        yield postgres.url()


@pytest.fixture(scope="session")
def database_server(server_url: str) -> Iterator[DatabaseServer]:
    """Makes and drops databases; holds the template with every migration."""
    engine = make_engine(server_url, pool_size=2)
    try:
        check_server(engine)
        server = DatabaseServer(engine, server_url)
        server.drop_abandoned()
        server.ensure_template()
        yield server
    finally:
        engine.dispose()


@pytest.fixture
def database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of the test's own database, migrated and empty.

    Fails the test if it leaves a connection open.
    """
    name = database_server.create()
    try:
        yield database_server.url_of(name)
        left_open = _still_open(database_server, name)
    finally:
        database_server.drop(name)
    assert not left_open, f"connections left open at the end of the test: {left_open}"


@pytest.fixture
def empty_database_url(database_server: DatabaseServer) -> Iterator[str]:
    """The URL of the test's own database without tables."""
    name = database_server.create(empty=True)
    try:
        yield database_server.url_of(name)
        left_open = _still_open(database_server, name)
    finally:
        database_server.drop(name)
    assert not left_open, f"connections left open at the end of the test: {left_open}"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on `database_url`."""
    engine = make_engine(database_url, pool_size=5)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def empty_database_engine(empty_database_url: str) -> Iterator[Engine]:
    """An engine on `empty_database_url`."""
    engine = make_engine(empty_database_url, pool_size=5)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """An empty folder that every account can reach, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="vm-", ignore_cleanup_errors=True) as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


@pytest.fixture
def expected_errors() -> list[logging.LogRecord]:
    """Errors that the test expects in the log, to be checked by the test."""
    return []


@pytest.fixture(autouse=True)
def no_unexpected_errors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails a test that logs an error, unless it uses `expected_errors`."""
    expected = "expected_errors" in request.fixturenames
    records = request.getfixturevalue("expected_errors") if expected else []
    handler = _Collector(records)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
    if records and not expected:
        pytest.fail("logged as errors: " + "; ".join(record.getMessage() for record in records))


@pytest.fixture(autouse=True)
def no_heartbeat_left() -> Iterator[None]:
    """Fails a test that leaves a heartbeat running."""
    yield
    left = _heartbeats()
    deadline = time.monotonic() + 60
    while left and time.monotonic() < deadline:
        time.sleep(0.01)
        left = _heartbeats()
    for heartbeat in left:
        heartbeat.name = f"left behind by an earlier test: {heartbeat.name}"
    assert not left, f"heartbeats left behind: {left}"


def _heartbeats() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("heartbeat")]


class _Collector(logging.Handler):
    def __init__(self, records: list[logging.LogRecord]) -> None:
        super().__init__(logging.ERROR)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)


def _still_open(server: DatabaseServer, name: str) -> list[str]:
    """Open sessions of a database, after a short grace for those being closed."""
    deadline = time.monotonic() + 60
    while (sessions := server.sessions(name)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return sessions


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector of telemetry on the loopback that misbehaves at the test's request."""
    from tests.support.telemetry.otlp import collecting

    with collecting() as collector:
        yield collector


@pytest.fixture
def mount() -> Iterator[Callable[[Path, int], Path]]:
    """Makes file systems of a given size, which needs root; unmounted after all other fixtures."""
    with ExitStack() as stack:

        def make(folder: Path, size_bytes: int) -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            made = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)],
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode:
                pytest.skip(f"no small file system can be mounted here: {made.stderr.strip()}")
            stack.callback(subprocess.run, ["umount", "-l", str(folder)], check=True)
            return folder

        yield make
