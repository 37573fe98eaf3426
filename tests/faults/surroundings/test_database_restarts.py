"""Number 6: PostgreSQL dies again and again (`-m immediate`) during runs."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import text

from cli.local.postgres.embedded import EmbeddedPostgres
from shared.db import migrate
from shared.db.engine import make_engine
from tests.support.faults.chaos import Chaos
from tests.support.faults.invariants import Invariants
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld
from tests.support.patience import PATIENCE_SECONDS

WORKERS = 4
MESSY = Chaos(most_copies=2, dropped_acks=0.05, while_running=0.05)
# Short enough for a test to see leases expire; nothing else is unlike the defaults.
SETTINGS: dict[str, Any] = {"lease_seconds": 3, "heartbeat_seconds": 0.5, "republish_seconds": 2}
SWEEP_SECONDS = 1.0
OTHERS = """
    SELECT application_name, state FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Attempts at one message last for 45 of these, much longer than a server takes to come back: what
# no pipeline exists for yet is not in the ledger, and its dead letter is for a person.
BACKOFF_SECONDS = 0.3


class MortalServer:
    """This test's own server, which can be killed and restarted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._users: list[EmbeddedPostgres] = []
        self.restarts = 0
        self.start()
        engine = make_engine(self.url, pool_size=1)
        migrate.upgrade(engine)
        engine.dispose()

    @property
    def url(self) -> str:
        """The URL of its database."""
        return self._users[-1].url()

    def start(self) -> None:
        """Start the server, or start it again."""
        user = EmbeddedPostgres(self._folder, fsync=False)
        user.start()
        self._users.append(user)

    def restart_at_once(self) -> None:
        """`pg_ctl restart -m immediate`: every session ends where it is; recovery follows."""
        pid = int((self._folder / "cluster" / "pgdata" / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(pid)
        server.send_signal(signal.SIGQUIT)
        server.wait(PATIENCE_SECONDS)
        self.start()
        self.restarts += 1

    def sessions(self) -> list[Any]:
        """Connected sessions, except the asking one."""
        engine = make_engine(self.url, pool_size=1)
        deadline = time.monotonic() + PATIENCE_SECONDS
        with engine.connect() as connection:
            while found := connection.execute(text(OTHERS)).all():
                if time.monotonic() > deadline:
                    break
                time.sleep(0.05)
        engine.dispose()
        return list(found)

    def close(self) -> None:
        """Stop it for good."""
        for user in self._users:
            user.stop()


@pytest.fixture
def server(open_folder: Path) -> Iterator[MortalServer]:
    """A migrated database on its own server."""
    server = MortalServer(open_folder)
    yield server
    server.close()


@contextmanager
def _in_background(work: Any) -> Iterator[None]:
    """Call `work(stop)` in a thread until the block ends. Raises the thread's error."""
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(work, stop)
        try:
            yield
        finally:
            stop.set()
        done.result()


@sizes(quick=8, full=500, minutes=60)
def test_runs_complete_through_restarts_of_the_database(
    size: int,
    server: MortalServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    counts: Counts,
    expected_errors: list[Any],
) -> None:
    """Redelivery, leases and the scheduled sweep bring all runs to their end without help."""
    world = FaultWorld(
        server.url,
        tmp_path,
        chaos=MESSY,
        seed=counts.seed,
        backoff_seconds=BACKOFF_SECONDS,
        **SETTINGS,
    )
    world.media.install(monkeypatch)
    quick = size < 50
    pauses = (0.8, 2.0) if quick else (5.0, 40.0)
    chance = random.Random(counts.seed)
    world.media.hooks = dict.fromkeys(("cut", "hear"), lambda *facts: time.sleep(0.1))
    swept: Counter[str] = Counter()

    def restart(stop: threading.Event) -> None:
        while not stop.wait(chance.uniform(*pauses)):
            server.restart_at_once()
            if quick and server.restarts == 3:
                return

    def sweep(stop: threading.Event) -> None:
        while not stop.wait(SWEEP_SECONDS):
            try:
                world.sweep()
                swept["done"] += 1
            except Exception as error:
                swept[type(error).__name__] += 1

    began = time.monotonic()
    with _in_background(restart), _in_background(sweep):
        for _ in range(size):
            world.drop()
        deadline = time.monotonic() + (PATIENCE_SECONDS if quick else 3000)
        while time.monotonic() < deadline and not (server.restarts > 1 and _all_ended(world, size)):
            world.broker.run(WORKERS, until=time.monotonic() + 1)
    counts.faults["restart of the database"] = server.restarts
    assert quick or server.restarts >= (time.monotonic() - began) // (2 * pauses[1])
    counts.notes["sweeps"] = swept.total()
    assert _all_ended(world, size)
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    violations = Invariants(world, garbage=True).violations()
    counts.take(world)
    counts.judge(violations)
    world.close()
    assert not server.sessions()
    assert not violations, "\n".join(violations)


def _all_ended(world: FaultWorld, size: int) -> bool:
    """Whether there are as many runs as drops, and none is running."""
    try:
        pipelines = world.pipelines()
    except Exception:
        return False
    return len(pipelines) == size and all(p.status != "running" for p in pipelines)
