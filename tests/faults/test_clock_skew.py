"""Number 13, clocks: workers whose clocks are minutes apart."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest

from shared.messages import SweepRequested
from shared.messaging.delivery import Outcome
from shared.messaging.outgoing import outgoing
from shared.messaging.parcel import Parcel, push_body
from tests.faults.chaos import STORM, Endpoint
from tests.faults.fleet import Worker, make_push
from tests.faults.report import Counts, sizes
from tests.faults.sabotage import AFTER_CLAIM, Fault
from tests.faults.worker import WorkerSpec
from tests.faults.world import FaultWorld

SKEW_SECONDS = 300.0
SWEEP = push_body(Parcel("sweep-requested.sweep", outgoing(SweepRequested()), "sweep"))
HEADERS = {"Content-Type": "application/json"}
# A refused publish is answered otherwise than a wrong clock.
RESTLESS = replace(STORM, refused_publishes=0.0)
STAGES = [
    *("transcribe_audio", "cut_clip"),
    *(
        pytest.param(name, marks=pytest.mark.full)
        for name in ("probe_video", "split_audio", "generate_moments", "make_thumbnail")
    ),
]


@pytest.fixture
def skewed(
    make_world: Callable[..., FaultWorld], database_url: str
) -> Iterator[tuple[FaultWorld, list[Worker]]]:
    """A world and two workers: one five minutes behind, one five ahead of the database's clock."""
    world = make_world(chaos=RESTLESS, garbage=True)
    spec = WorkerSpec(database_url, world.folder / "buckets", world.folder / "work")
    workers = [
        Worker(replace(spec, work=spec.work / f"{skew:+.0f}", skew_seconds=skew), world)
        for skew in (-SKEW_SECONDS, SKEW_SECONDS)
    ]
    yield world, workers
    for worker in workers:
        worker.end()


@sizes(quick=2, full=50)
def test_workers_whose_clocks_are_wrong(
    size: int, skewed: tuple[FaultWorld, list[Worker]], counts: Counts
) -> None:
    """Leases go by the database's clock, and hold: nothing is done twice, whoever sweeps."""
    world, workers = skewed
    idle = list(workers)

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
        world.say(SweepRequested())
    world.broker.run(2)
    # No time has passed: what was begun twice was taken for expired by a wrong clock.
    assert {run.attempt for run in world.runs() if run.status != "queued"} == {1}
    world.settle(workers=2)
    counts.faults["skewed clock"] = len(workers)
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    assert all(0 <= (p.duration_seconds or 0) < SKEW_SECONDS + 3600 for p in world.pipelines())


@pytest.mark.parametrize("first", [0, 1], ids=["behind", "ahead"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_lease_holds_against_a_wrong_clock(
    stage: str, first: int, skewed: tuple[FaultWorld, list[Worker]], counts: Counts
) -> None:
    """While one holds it the other, ten minutes apart, takes nothing over, by itself or a sweep."""
    world, workers = skewed
    holder, other = workers[first], workers[1 - first]
    held: list[Outcome] = []

    def deliver(function: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        if function != stage or held:
            return other.push(make_push(world, function, headers, body))
        with ThreadPoolExecutor(1) as pool:
            stops = Fault(stage, AFTER_CLAIM, signal.SIGSTOP)
            outcome = pool.submit(holder.push, make_push(world, function, headers, body, stops))
            holder.wait_stopped()
            held.append(other.push(make_push(world, function, headers, body)))
            assert other.push(make_push(world, "sweep", HEADERS, SWEEP)) is Outcome.DONE
            held.append(other.push(make_push(world, function, headers, body)))
            holder.go_on()
            held.append(outcome.result())
        return held[-1]

    world.broker.reroute(lambda function: partial(deliver, function))
    world.drop()
    world.settle(workers=1)
    counts.faults["skewed clock"] = 2
    assert held == [Outcome.BUSY, Outcome.BUSY, Outcome.DONE]
    assert {run.attempt for run in world.runs()} == {1}
