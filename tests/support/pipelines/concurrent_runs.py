"""Hold one worker at its place until another waits for its lock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy import Engine, text

from tests.support.patience import PATIENCE_SECONDS

BLOCKED = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"
)

T = TypeVar("T")


class Rival:
    """Starts work in its own thread, once, on demand."""

    def __init__(self, engine: Engine, pool: ThreadPoolExecutor) -> None:
        self._engine = engine
        self._pool = pool
        self.began = False

    def meet(self, work: Callable[[], T]) -> Future[T]:
        """Start it; returns once it has ended or waits for a lock."""
        self.began = True
        future = self._pool.submit(work)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (future.done() or self._somebody_waits()):
            assert time.monotonic() < deadline, "the rival neither ended nor waits for a lock"
            time.sleep(0.01)
        return future

    def _somebody_waits(self) -> bool:
        with self._engine.connect() as connection:
            return bool(connection.execute(text(BLOCKED)).scalar_one())


@contextmanager
def a_rival(engine: Engine) -> Iterator[Rival]:
    """One a_rival, which has ended after the block."""
    with ThreadPoolExecutor(1, thread_name_prefix="rival") as pool:
        yield Rival(engine, pool)
