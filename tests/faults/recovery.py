"""What the tests of a failing environment share: trouble before deliveries, and its traces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.faults.world import FaultWorld


def before_each(world: FaultWorld, then: Callable[[str], None]) -> None:
    """Call `then(function)` before each delivery."""
    endpoints = {
        spec.name.rpartition(".")[2]: endpoint for spec, endpoint in world.broker.subscriptions()
    }

    def carry(function: str) -> Any:
        def deliver(headers: Any, body: bytes) -> Any:
            then(function)
            return endpoints[function](headers, body)

        return deliver

    world.broker.reroute(carry)


def failed_and_recovered(world: FaultWorld) -> set[str]:
    """The stages of which an attempt failed; asserts that everything is completed by now."""
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    assert {run.status for run in world.runs()} == {"completed"}
    return {run.stage for run in world.runs() if run.attempt > 1}
