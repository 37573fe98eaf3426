"""Number 13, clocks: the clocks of workers differ by minutes."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import extract, select

from shared.db.models import PipelineHistory, StageRun
from shared.messages.base import Message
from shared.messages.moments import MomentFound
from shared.messages.upkeep import SweepRequested
from shared.messaging.delivery import Outcome
from shared.messaging.in_process.parcel import Parcel, push_body
from shared.messaging.outgoing import outgoing
from tests.support.faults.chaos import STORM, Endpoint
from tests.support.faults.fleet import Worker, make_push
from tests.support.faults.report import Counts, sizes
from tests.support.faults.strikes.injection import AFTER_CLAIM, Fault
from tests.support.faults.worker import WorkerSpec
from tests.support.faults.world import FaultWorld
from tests.support.patience import PATIENCE_SECONDS

SKEWS = {"behind": -300.0, "ahead": 300.0}
SETTINGS = {"min_moments": 1, "max_moments": 1, "heartbeat_seconds": 0.05}
HEADERS = {"Content-Type": "application/json"}
FUNCTION = "cut_clip"
DIE = Fault(FUNCTION, AFTER_CLAIM)
STOP = Fault(FUNCTION, AFTER_CLAIM, signal.SIGSTOP)


@contextmanager
def skewed_workers(world: FaultWorld, database_url: str) -> Iterator[dict[str, Worker]]:
    """Two worker processes, by the error of their clocks."""
    spec = WorkerSpec(
        database_url, world.folder / "buckets", world.folder / "work", settings=SETTINGS
    )
    with ExitStack() as stack:
        workers: dict[str, Worker] = {}
        for name, skew in SKEWS.items():
            workers[name] = Worker(replace(spec, work=spec.work / name, skew_seconds=skew), world)
            stack.callback(workers[name].end)
        yield workers


@sizes(quick=1, full=50)
def test_no_stage_runs_twice_when_clocks_are_wrong(
    size: int,
    make_world: Callable[..., FaultWorld],
    database_url: str,
    counts: Counts,
) -> None:
    """One clock is five minutes behind, one five ahead, in a storm: no stage run starts twice."""
    world = make_world(chaos=STORM, garbage=True)
    with skewed_workers(world, database_url) as workers:
        idle = list(workers.values())

        def carry(function: str) -> Endpoint:
            def deliver(headers: Mapping[str, str], body: bytes) -> Outcome:
                worker = idle.pop()
                try:
                    return worker.push(make_push(world, function, headers, body))
                finally:
                    idle.append(worker)

            return deliver

        world.broker.reroute(carry)
        for _ in range(size):
            world.drop()
        world.broker.run(2)
        # No time has passed: a second attempt would be one by a wrong clock.
        assert {run.attempt for run in world.runs()} <= {0, 1}
        assert world.sweep().freed == 0
        world.settle(workers=2)
    counts.faults["skewed clock"] = len(workers)
    assert {run.attempt for run in world.runs()} == {1}
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    assert all(0 <= (p.duration_seconds or 0) < 3600 for p in world.pipelines())


@sizes(quick=1, full=25)
@pytest.mark.parametrize(("holder", "rival"), [("behind", "ahead"), ("ahead", "behind")])
def test_lease_is_live_or_over_by_every_clock_alike(
    holder: str,
    rival: str,
    size: int,
    make_world: Callable[..., FaultWorld],
    database_url: str,
    counts: Counts,
) -> None:
    """A live lease, new or renewed, is live by both clocks; an expired one by neither."""
    world = make_world(garbage=True, **SETTINGS)
    # The pool is left last: what waits for a stopped worker goes on when that is ended.
    with ThreadPoolExecutor(1) as pool, skewed_workers(world, database_url) as workers:
        scene = LeaseContest(world, workers[holder], workers[rival], pool)
        for _ in range(size):
            scene.holds_while_it_lives()
            scene.is_over_in_time()
            counts.faults["skewed clock"] += 2
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}


class LeaseContest:
    """One worker holds a clip's lease; the other wants it."""

    def __init__(
        self, world: FaultWorld, holder: Worker, rival: Worker, pool: ThreadPoolExecutor
    ) -> None:
        self.world, self.holder, self.rival, self.pool = world, holder, rival, pool

    def holds_while_it_lives(self) -> None:
        """Neither deliveries nor sweeps of the other worker take the run from a live one."""
        message = self._clip_to_cut()
        with self._pipeline_locked():
            held = self._begin(message)
            self._is_left_alone(message)
            beaten = self._run(message).updated_at
            self.holder.resume()
            self._wait(lambda: self._run(message).updated_at > beaten)
            self._is_left_alone(message)
        assert held.result(PATIENCE_SECONDS) is Outcome.DONE
        self.world.settle(workers=1)
        run = self._run(message)
        assert (run.status, run.attempt) == ("completed", 1)

    def is_over_in_time(self) -> None:
        """The other's sweep frees the run of a silent worker: recorded, then success."""
        message = self._clip_to_cut()
        held = self._begin(message)
        self.world.expire_leases()
        self._push(self.rival, "sweep", SweepRequested())
        run = self._run(message)
        assert (run.status, run.error_code) == ("queued", "lease_expired")
        assert self._push(self.rival, FUNCTION, message) is Outcome.DONE
        self.holder.resume()
        assert held.result(PATIENCE_SECONDS) in (Outcome.BUSY, Outcome.RETRY, Outcome.DUPLICATE)
        self.world.settle(workers=1)
        run = self._run(message)
        assert (run.status, run.attempt) == ("completed", 2)

    def _is_left_alone(self, message: Message) -> None:
        owner = self._run(message).lease_owner
        assert 0 < self._seconds_left(message) <= self.world.context.policy.lease_seconds
        # If it takes the run, it dies of it: it would wait for the lock of the pipeline.
        assert self._push(self.rival, FUNCTION, message, DIE) is Outcome.BUSY
        self._push(self.rival, "sweep", SweepRequested())
        run = self._run(message)
        assert (run.status, run.attempt, run.lease_owner) == ("running", 1, owner)

    def _begin(self, message: Message) -> Future[Outcome]:
        """The holder claims the clip and stops there."""
        held = self.pool.submit(self._push, self.holder, FUNCTION, message, STOP)
        self.holder.wait_stopped()
        return held

    def _push(
        self, worker: Worker, function: str, message: Message, fault: Fault | None = None
    ) -> Outcome:
        body = push_body(Parcel(f"any.{function}", outgoing(message), "1"))
        return worker.push(make_push(self.world, function, HEADERS, body, fault))

    def _clip_to_cut(self) -> MomentFound:
        """The moment of a new run, whose message is kept back."""
        self.world.drop()
        while not (runs := [run for run in self.world.runs(FUNCTION) if run.status == "queued"]):
            assert self.world.broker.run(1, most=1)
        self.world.broker.lose_everything()
        return MomentFound.model_validate(runs[0].message)

    def _run(self, message: Message) -> StageRun:
        (run,) = [run for run in self.world.runs(FUNCTION) if run.subject == message.subject]
        return run

    def _seconds_left(self, message: Message) -> float:
        left = extract("epoch", StageRun.lease_expires_at - self.world.context.clock.now())
        with self.world.context.session() as session:
            rows = select(left).where(StageRun.id == self._run(message).id)
            return float(session.execute(rows).scalar_one())

    @contextmanager
    def _pipeline_locked(self) -> Iterator[None]:
        """While the run is locked, nobody can finish, so workers stay at work."""
        with self.world.context.session() as session, session.begin():
            session.execute(select(PipelineHistory.id).with_for_update()).all()
            yield

    def _wait(self, until: Callable[[], Any]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not until():
            assert time.monotonic() < deadline, "the heart never beat"
            threading.Event().wait(0.01)
