"""Number 4: `kill -9` of a worker process at every point of every function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest

from functions.main import TOPOLOGY
from shared.messages.upkeep import SweepRequested
from tests.support.faults.chaos import CALM, Chaos
from tests.support.faults.report import Counts, full_scale
from tests.support.faults.strikes.children import OPERATIONS
from tests.support.faults.strikes.injection import (
    AFTER_CLAIM,
    AFTER_COMMIT,
    AFTER_UPLOAD,
    BEFORE_ACK,
    BEFORE_COMMIT,
    DURING_DOWNLOAD,
    IN_CHILD,
    Fault,
)
from tests.support.faults.strikes.kills import Play, Settings, staged
from tests.support.faults.strikes.scenarios import SCENARIOS, Scenario
from tests.support.faults.world import FaultWorld
from tests.support.llm.server import good_answer, llm_server

Staging = Callable[..., AbstractContextManager[Play]]
SEEDS = 10
SHUFFLED = Chaos(most_copies=2, dropped_acks=0.05)
# The others are struck once for each time they are reached.
STRUCK_OFTEN = (
    AFTER_CLAIM,
    DURING_DOWNLOAD,
    AFTER_UPLOAD,
    BEFORE_COMMIT,
    AFTER_COMMIT,
    BEFORE_ACK,
)
# One of so many places in the table is in the quick form, and every child but the commonest.
QUICK_SHARE = 4
COMMON_CHILD = IN_CHILD + "probe"


def _cases() -> Iterator[object]:
    """Every point of every function, with ten seeds; each occurrence in the table has its turn."""
    place = 0
    for name, scenario in SCENARIOS.items():
        for function, points in scenario.points.items():
            for point, times in points.items():
                place += 1
                label = f"{name}-{function}-{point}"
                if place % QUICK_SHARE == 0 or _is_rare_child(point):
                    quick = (name, function, point, place % times, False)
                    yield pytest.param(*quick, id=label, marks=pytest.mark.quick)
                for seed in range(_seeds(scenario, function, point, times)):
                    full = (name, function, point, seed % times, seed % 2 == 0)
                    yield pytest.param(*full, id=f"{label}-{seed + 1}", marks=pytest.mark.full)


def _is_rare_child(point: str) -> bool:
    return point.startswith(IN_CHILD) and point != COMMON_CHILD


def _seeds(scenario: Scenario, function: str, point: str, times: int) -> int:
    often = point in STRUCK_OFTEN and not (scenario.real and _has_without_media(function, point))
    seeds = max(SEEDS, times) if often or point.startswith(IN_CHILD) else times
    return max(1, round(full_scale() * seeds))


def _has_without_media(function: str, point: str) -> bool:
    """Whether a faster scenario strikes there often enough."""
    others = [scenario for scenario in SCENARIOS.values() if not scenario.real]
    return any(point in scenario.points.get(function, ()) for scenario in others)


@pytest.fixture
def model_settings() -> Iterator[Settings]:
    """The settings of a model that answers well and finds one moment in five sentences."""
    with llm_server(good_answer) as server:
        yield {"model": "scripted", "llm_url": server.url, "llm_api_key": "none"}


@pytest.fixture
def stage(
    make_world: Callable[..., FaultWorld],
    database_url: str,
    model_settings: Settings,
    tmp_path: Path,
) -> Staging:
    """Plays a scenario in this test's own world."""
    return partial(
        staged,
        make_world=make_world,
        database_url=database_url,
        folder=tmp_path,
        model_settings=model_settings,
    )


@pytest.mark.parametrize(("name", "function", "point", "skip", "real"), list(_cases()))
def test_run_recovers_from_a_killed_worker_by_the_first_sweep_after_its_lease(
    name: str,
    function: str,
    point: str,
    skip: int,
    real: bool,
    stage: Staging,
    counts: Counts,
) -> None:
    """The run continues by itself and ends correctly."""
    scenario = SCENARIOS[name]
    real = _is_real(scenario, point, real)
    with stage(scenario, chaos=SHUFFLED, real=real, workers=2) as play:
        world, fleet = play.world, play.fleet
        fleet.fault = Fault(function, point, skip=skip)
        scenario.then(world, play.source)
        world.broker.run(2)
        assert fleet.deaths == 1, "the worker never came to the point"
        counts.faults[f"killed {point}"] = fleet.deaths
        world.expire_leases()
        world.say(SweepRequested())
        world.broker.run(2)
    _check_end(world, scenario)


def _is_real(scenario: Scenario, point: str, wanted: bool) -> bool:
    return scenario.real or (scenario.media is not None and (wanted or point.startswith(IN_CHILD)))


def _check_end(world: FaultWorld, scenario: Scenario) -> None:
    assert {pipeline.status for pipeline in world.pipelines()} == set(scenario.ends)
    cuts = [run for run in world.runs("cut_clip") if run.run_id is not None]
    assert len(cuts) == scenario.clips
    orphans = [run for run in world.runs() if run.run_id is None]
    if "record_failure" in scenario.points:
        assert len(orphans) in range(1, SHUFFLED.most_copies + 1)
    else:
        assert not orphans


@pytest.mark.parametrize("name", SCENARIOS)
def test_table_of_points_equals_the_points_that_functions_reach(name: str, stage: Staging) -> None:
    """A function reaches no other points than the table's, and these as often as it says."""
    scenario = SCENARIOS[name]
    with stage(scenario, chaos=CALM, real=scenario.media is not None, workers=1) as play:
        scenario.then(play.world, play.source)
        play.world.broker.run(1)
        reached = play.fleet.reached
    for function, points in scenario.points.items():
        found = {point: times for (who, point), times in reached.items() if who == function}
        assert found.keys() == points.keys(), function
        assert all(found[point] >= points[point] for point in points), (function, found)


def test_scenarios_cover_every_function() -> None:
    """Some scenario has points of each function of the deployment."""
    killed = {function for scenario in SCENARIOS.values() for function in scenario.points}
    assert killed == {function.name for function in TOPOLOGY.functions}


def test_kills_cover_every_operation_of_a_child() -> None:
    """Workers are killed in the middle of each operation that functions start children for."""
    for function, operations in OPERATIONS.items():
        points = {point for s in SCENARIOS.values() for point in s.points.get(function, ())}
        caught = {point.removeprefix(IN_CHILD) for point in points if point.startswith(IN_CHILD)}
        assert caught == operations, function
