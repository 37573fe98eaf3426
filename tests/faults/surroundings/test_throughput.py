"""Number 8: ten thousand messages with fake media, with their rates."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping

from sqlalchemy import event, text

from shared.messaging.delivery import Outcome
from tests.support.faults.chaos import Chaos, Endpoint
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld

WORKERS = 8
# More than needed, so that it shows if more were.
POOL = 20
MOMENTS = 2
# probe, split, two slices, choice, two clips, three thumbnails; and split's and the picture's
# messages are one message to two consumers.
MESSAGES_PER_RUN = 10
TWICE_NOW_AND_THEN = Chaos(most_copies=2, dropped_acks=0.02)


class Stopwatch:
    """Times every delivery, and counts open connections."""

    def __init__(self, world: FaultWorld) -> None:
        self.seconds: list[float] = []
        self.connections_peak = 0
        self._lock = threading.Lock()
        self._endpoints = {
            spec.name.rpartition(".")[2]: endpoint
            for spec, endpoint in world.broker.subscriptions()
        }
        self._open = 0
        event.listen(world.engine, "connect", lambda *_: self._count(1))
        event.listen(world.engine, "close", lambda *_: self._count(-1))
        world.broker.reroute(self._timed)

    def percentile(self, percent: int) -> float:
        """In milliseconds."""
        return round(statistics.quantiles(self.seconds, n=100)[percent - 1] * 1000, 1)

    def _timed(self, function: str) -> Endpoint:
        endpoint = self._endpoints[function]

        def deliver(headers: Mapping[str, str], body: bytes) -> Outcome:
            began = time.perf_counter()
            outcome = endpoint(headers, body)
            with self._lock:
                self.seconds.append(time.perf_counter() - began)
            return outcome

        return deliver

    def _count(self, change: int) -> None:
        with self._lock:
            self._open += change
            self.connections_peak = max(self.connections_peak, self._open)


@sizes(quick=150, full=10_000, minutes=60)
def test_no_message_is_lost_among_thousands(
    size: int, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """No message is lost, and connections hardly outnumber workers."""
    world = make_world(
        chaos=TWICE_NOW_AND_THEN, min_moments=MOMENTS, max_moments=MOMENTS, pool_size=POOL
    )
    stopwatch = Stopwatch(world)
    runs = -(-size // MESSAGES_PER_RUN)
    began = time.perf_counter()
    for _ in range(runs):
        world.drop()
    world.broker.run(WORKERS)
    seconds = time.perf_counter() - began
    done = [run for run in world.runs() if run.status == "completed"]
    assert len(done) == runs * MESSAGES_PER_RUN >= size
    counts.notes.update(
        {
            "messages": len(done),
            "messages/s": round(len(done) / seconds, 1),
            "deliveries/s": round(world.broker.deliveries / seconds, 1),
            "p50 ms": stopwatch.percentile(50),
            "p95 ms": stopwatch.percentile(95),
            "connections at most": stopwatch.connections_peak,
        }
    )
    assert world.unfinished() == 0
    assert 0 < stopwatch.connections_peak <= WORKERS + 2
    with world.engine.connect() as connection:
        deadlocks = connection.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        ).scalar_one()
    assert deadlocks == 0
