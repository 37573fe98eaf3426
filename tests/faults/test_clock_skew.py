"""Number 13, clocks: workers whose clocks are minutes apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace

from shared.messaging.delivery import Outcome
from tests.faults.chaos import STORM, Endpoint
from tests.faults.fleet import Worker, make_push
from tests.faults.report import Counts, sizes
from tests.faults.worker import WorkerSpec
from tests.faults.world import FaultWorld

SKEW_SECONDS = 300.0


@sizes(quick=2, full=50)
def test_workers_whose_clocks_are_wrong(
    size: int, make_world: Callable[..., FaultWorld], database_url: str, counts: Counts
) -> None:
    """One five minutes behind, one five ahead: leases go by the database's clock, and hold."""
    world = make_world(chaos=STORM, garbage=True)
    spec = WorkerSpec(database_url, world.folder / "buckets", world.folder / "work")
    with ExitStack() as stack:
        workers = []
        for name, skew in (("behind", -SKEW_SECONDS), ("ahead", SKEW_SECONDS)):
            worker = Worker(replace(spec, work=spec.work / name, skew_seconds=skew), world)
            stack.callback(worker.end)
            workers.append(worker)
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
        world.broker.run(2)
        # No time has passed: a lease that looks expired would be one judged by a wrong clock.
        taken_over = [run.id for run in world.runs() if run.error_code == "lease_expired"]
        swept = world.sweep()
        world.settle(workers=2)
    counts.faults["skewed clock"] = len(workers)
    assert (taken_over, swept.freed) == ([], 0)
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    assert all(0 <= (p.duration_seconds or 0) < SKEW_SECONDS + 3600 for p in world.pipelines())
