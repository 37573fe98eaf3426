"""Helpers for tests of failing surroundings: carriers of deliveries, and traces of recovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from shared.messaging.delivery import Outcome
from tests.support.faults.chaos import Endpoint
from tests.support.faults.world import FaultWorld


def carry_by(world: FaultWorld, carry: Callable[[str, Endpoint], Endpoint]) -> None:
    """Deliver to the endpoint that `carry` makes of each function's name and its endpoint."""
    endpoints = {
        spec.name.rpartition(".")[2]: endpoint for spec, endpoint in world.broker.subscriptions()
    }
    world.broker.reroute(lambda function: carry(function, endpoints[function]))


def before_each(world: FaultWorld, then: Callable[[str], None]) -> None:
    """Call `then(function)` before each delivery."""

    def carry(function: str, endpoint: Endpoint) -> Endpoint:
        def deliver(headers: Mapping[str, str], body: bytes) -> Outcome:
            then(function)
            return endpoint(headers, body)

        return deliver

    carry_by(world, carry)


def failed_and_recovered(world: FaultWorld) -> set[str]:
    """The stages with a failed attempt; asserts that everything is completed now."""
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    assert {run.status for run in world.runs()} == {"completed"}
    return {run.stage for run in world.runs() if run.attempt > 1}
