"""Number 5: a worker process is stopped past its lease, overtaken, and continued."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import text

from functions.main import TOPOLOGY
from shared.db.models import StageRun
from shared.messages.base import Message
from shared.messaging.delivery import Outcome
from shared.messaging.in_process.parcel import Parcel, push_body
from shared.messaging.outgoing import outgoing
from shared.pipeline.runtime import Runtime
from tests.support.faults.fleet import Worker, make_push
from tests.support.faults.report import Counts, sizes
from tests.support.faults.strikes.injection import (
    AFTER_CLAIM,
    AFTER_UPLOAD,
    BEFORE_COMMIT,
    DURING_DOWNLOAD,
    DURING_UPLOAD,
    Fault,
)
from tests.support.faults.worker import WorkerSpec
from tests.support.faults.world import FaultWorld
from tests.support.patience import PATIENCE_SECONDS

READING = (AFTER_CLAIM, DURING_DOWNLOAD, BEFORE_COMMIT)
MAKING = (*READING, DURING_UPLOAD, AFTER_UPLOAD)
POINTS = {
    "cut_clip": MAKING,
    "make_thumbnail": MAKING,
    "split_audio": MAKING,
    "transcribe_audio": READING,
    "probe_video": READING,
    "generate_moments": (AFTER_CLAIM, BEFORE_COMMIT),
}
NAMED = """
    SELECT cloud_url FROM clips UNION SELECT cloud_url FROM thumbnails
    UNION SELECT message::text FROM stage_runs
"""
CASES = [(function, point) for function, points in POINTS.items() for point in points]
SETTINGS = {"min_moments": 1, "max_moments": 1}
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def two_workers(
    make_world: Callable[..., FaultWorld], database_url: str
) -> Iterator[tuple[FaultWorld, Worker, Worker]]:
    """A world and two worker processes beside it."""
    world = make_world(garbage=True, **SETTINGS)
    workers = [
        Worker(
            WorkerSpec(
                database_url,
                world.folder / "buckets",
                world.folder / "work" / name,
                settings=SETTINGS,
                idle_in_transaction_seconds=patience,
            ),
            world,
        )
        for name, patience in (("first", 2.0), ("second", 60.0))
    ]
    yield world, workers[0], workers[1]
    for worker in workers:
        worker.end()


def _deliver(world: FaultWorld, worker: Worker, run: StageRun, point: str | None = None) -> Outcome:
    """Deliver the run's message; the worker stops at that point."""
    fault = Fault(run.stage, point, signal.SIGSTOP) if point is not None else None
    body = push_body(Parcel(f"{run.topic}.{run.stage}", outgoing(_message(run)), "1"))
    return worker.push(make_push(world, run.stage, HEADERS, body, fault))


def _message(run: StageRun) -> Message:
    return TOPOLOGY.messages[run.topic].model_validate(run.message)


class _PendingDelivery(threading.Thread):
    """One delivery; its outcome is collected later."""

    def __init__(self, deliver: Callable[[], Outcome]) -> None:
        super().__init__(daemon=True)
        self._deliver = deliver
        self._outcome: Outcome | None = None
        self.start()

    def run(self) -> None:
        """The delivery."""
        self._outcome = self._deliver()

    def outcome(self) -> Outcome | None:
        """The delivery's outcome."""
        self.join(PATIENCE_SECONDS)
        return self._outcome


@sizes(quick=len(CASES), full=200, minutes=60)
def test_stopped_worker_commits_nothing_after_it_was_overtaken(
    size: int, two_workers: tuple[FaultWorld, Worker, Worker], counts: Counts
) -> None:
    """Continued while the other works or after its end, it commits nothing.

    Its stored objects are collected.
    """
    world, first, second = two_workers
    losers: list[str] = []
    for number in range(size):
        function, point = CASES[number % len(CASES)]
        run = _pending_run(world, function)
        loser = _PendingDelivery(partial(_deliver, world, first, run, point))
        first.wait_stopped()
        counts.faults[f"stopped {point}"] += 1
        losers.append(_token(world, run))
        world.expire_leases()
        # In its open transaction it holds the run's row, until the server ends its session.
        if number % 2:
            assert _deliver(world, second, run) is Outcome.DONE
            first.resume()
            assert loser.outcome() in (Outcome.BUSY, Outcome.RETRY)
        else:
            winner = _PendingDelivery(partial(_deliver, world, second, run, AFTER_CLAIM))
            second.wait_stopped()
            first.resume()
            assert loser.outcome() in (Outcome.BUSY, Outcome.RETRY)
            second.resume()
            assert winner.outcome() is Outcome.DONE
        (now,) = [one for one in world.runs(function) if one.id == run.id]
        assert (now.status, now.attempt) == ("completed", 2)
        world.settle(workers=1)
        assert {p.total_clips_created for p in world.pipelines()} == {1}
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    named = _named(world)
    assert not [token for token in losers if token in named]


def _token(world: FaultWorld, run: StageRun) -> str:
    """The part that names of the current attempt's objects share."""
    (token,) = [one.lease_token for one in world.runs(run.stage) if one.id == run.id]
    assert token is not None
    return token.hex[:10]


def _named(world: FaultWorld) -> str:
    """Every object that rows and messages name."""
    with world.engine.connect() as connection:
        return " ".join(connection.execute(text(NAMED)).scalars())


def _pending_run(world: FaultWorld, function: str) -> StageRun:
    """A new run up to that function, whose message is kept back."""
    world.drop()
    if function == "probe_video":
        # The delivery that makes its row does its work as well.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Runtime, "_claim_and_work", lambda *_: Outcome.RETRY)
            world.broker.run(1, most=1)
    while not (runs := [run for run in world.runs(function) if run.status == "queued"]):
        world.broker.run(1, most=1)
    assert world.broker.lose_everything() >= 1
    return runs[0]
