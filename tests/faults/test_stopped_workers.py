"""Number 5: a worker process stopped past its lease, overtaken, and continued."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import select

from shared.db.models import Clip
from shared.messages import Message, MomentFound
from shared.messaging.delivery import Outcome
from shared.messaging.outgoing import outgoing
from shared.messaging.parcel import Parcel, push_body
from tests.faults.fleet import WAIT_SECONDS, Worker, make_push
from tests.faults.report import Counts, sizes
from tests.faults.sabotage import (
    AFTER_CLAIM,
    AFTER_UPLOAD,
    BEFORE_COMMIT,
    DURING_DOWNLOAD,
    Fault,
)
from tests.faults.worker import WorkerSpec
from tests.faults.world import FaultWorld

FUNCTION = "cut_clip"
POINTS = (AFTER_CLAIM, DURING_DOWNLOAD, AFTER_UPLOAD, AFTER_UPLOAD, BEFORE_COMMIT)
SETTINGS = {"min_moments": 1, "max_moments": 1}
HEADERS = {"Content-Type": "application/json"}


@pytest.fixture
def rivals(
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
                idle_in_transaction_seconds=1,
            ),
            world,
        )
        for name in ("first", "second")
    ]
    yield world, workers[0], workers[1]
    for worker in workers:
        worker.end()


def _deliver(
    world: FaultWorld, worker: Worker, message: Message, fault: Fault | None = None
) -> Outcome:
    body = push_body(Parcel(f"moment-found.{FUNCTION}", outgoing(message), "1"))
    return worker.push(make_push(world, FUNCTION, HEADERS, body, fault))


class _InBackground(threading.Thread):
    """One delivery, of which the outcome is waited for later."""

    def __init__(self, deliver: Callable[[], Outcome]) -> None:
        super().__init__(daemon=True)
        self._deliver = deliver
        self._outcome: Outcome | None = None
        self.start()

    def run(self) -> None:
        """The delivery."""
        self._outcome = self._deliver()

    def outcome(self) -> Outcome | None:
        """How it was answered."""
        self.join(WAIT_SECONDS)
        return self._outcome


@sizes(quick=5, full=200, minutes=60)
def test_a_stopped_worker_commits_nothing_late(
    size: int, rivals: tuple[FaultWorld, Worker, Worker], counts: Counts
) -> None:
    """Continued when the other is done or still at work: it commits nothing any more.

    What it had stored is collected.
    """
    world, first, second = rivals
    for number in range(size):
        point = POINTS[number % len(POINTS)]
        message = _clip_to_cut(world)
        loser = _InBackground(partial(_deliver, world, first, message, _stop_at(point)))
        first.wait_stopped()
        counts.faults[f"stopped {point}"] += 1
        world.expire_leases()
        # In its open transaction it holds the run's row, until the server ends its session.
        if number % 2:
            assert _deliver(world, second, message) is Outcome.DONE
            first.go_on()
            assert loser.outcome() in (Outcome.BUSY, Outcome.RETRY)
        else:
            winner = _InBackground(partial(_deliver, world, second, message, _stop_at(AFTER_CLAIM)))
            second.wait_stopped()
            first.go_on()
            assert loser.outcome() in (Outcome.BUSY, Outcome.RETRY)
            second.go_on()
            assert winner.outcome() is Outcome.DONE
        (run,) = [run for run in world.runs(FUNCTION) if run.subject == message.moment]
        assert (run.status, run.attempt) == ("completed", 2)
        assert "-02-" in _clip(world).cloud_url
        world.settle(workers=1)
        assert {p.total_clips_created for p in world.pipelines()} == {1}
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}


def _stop_at(point: str) -> Fault:
    return Fault(FUNCTION, point, signal.SIGSTOP)


def _clip_to_cut(world: FaultWorld) -> MomentFound:
    """A new run up to its one moment, whose message is kept back."""
    world.drop()
    while not (runs := [run for run in world.runs(FUNCTION) if run.status == "queued"]):
        world.broker.run(1, most=1)
    kept = world.broker.lose_everything()
    assert kept >= 1
    (run,) = runs
    return MomentFound.model_validate(run.message)


def _clip(world: FaultWorld) -> Clip:
    with world.context.session() as session:
        return session.execute(select(Clip).order_by(Clip.id.desc()).limit(1)).scalar_one()
