"""Number 4: `kill -9` of a worker process at seven points of every function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.messages import PipelineRequested, SweepRequested
from shared.messaging.protocol import Outgoing
from tests.faults.chaos import CALM, Chaos
from tests.faults.fleet import Fleet
from tests.faults.report import Counts, full_scale
from tests.faults.sabotage import ALL_POINTS, MID_FFMPEG, POINTS, Fault
from tests.faults.small_media import tiny_video, what_is_wrong
from tests.faults.worker import WorkerSpec
from tests.faults.world import FaultWorld
from tests.llm_server import good, llm_server

SEEDS = 10
GARBAGE = b"no message at all"
SHUFFLED = Chaos(most_copies=2, dropped_acks=0.05)
MOMENTS = 2
SETTINGS: dict[str, Any] = {"min_moments": MOMENTS, "max_moments": MOMENTS}
# The stages that a run has only with a language model, which here answers by a script.
ASKING = ("generate_window", "choose_moments", "refine_moments", "score_moments")


def _cases() -> Iterator[object]:
    """Every function at every point it has, with ten seeds; the quick form takes half, once."""
    for place, (function, points) in enumerate(POINTS.items()):
        for point in points:
            if (place + ALL_POINTS.index(point)) % 2 == 0 or point == MID_FFMPEG:
                name = f"{function}-{point}"
                yield pytest.param(function, point, 0, id=name, marks=pytest.mark.quick)
            for seed in range(1, max(1, round(SEEDS * full_scale())) + 1):
                name = f"{function}-{point}-{seed}"
                yield pytest.param(function, point, seed, id=name, marks=pytest.mark.full)


@pytest.fixture
def model_settings() -> Iterator[dict[str, Any]]:
    """The settings of a model that answers well, and finds one moment in five sentences."""
    with llm_server(good) as server:
        yield {
            "model": "scripted",
            "llm_url": server.url,
            "llm_api_key": "none",
            "min_moments": 1,
        }


@pytest.mark.parametrize(("function", "point", "number"), list(_cases()))
def test_a_killed_worker_costs_a_lease_and_a_sweep(
    function: str,
    point: str,
    number: int,
    make_world: Callable[..., FaultWorld],
    database_url: str,
    model_settings: dict[str, Any],
    tmp_path: Path,
    counts: Counts,
) -> None:
    """The run goes on by itself, and has its right end by the first sweep after the lease."""
    asking = function in ASKING
    real = (number > 0 or point == MID_FFMPEG) and not asking
    # A copy of what cannot be read is another message to the dead letters.
    chaos = CALM if function == "record_failure" else SHUFFLED
    world = make_world(chaos=chaos, garbage=True, probe=what_is_wrong if real else None, **SETTINGS)
    work = world.folder / "work"
    settings = {**SETTINGS, **model_settings} if asking else SETTINGS
    spec = WorkerSpec(
        database_url, world.folder / "buckets", work, real_media=real, settings=settings
    )
    with Fleet(world, spec, size=2) as fleet:
        fleet.fault = Fault(function, point)
        world.drop(content=tiny_video(tmp_path) if real else "version 1\n")
        if function == "start_pipeline":
            _request(world)
        if function == "record_failure":
            world.broker.publish([Outgoing("moment-found", GARBAGE)])
        if function == "sweep":
            world.say(SweepRequested())
        world.broker.run(2)
        assert fleet.deaths == 1, "the worker never came to the point"
        counts.faults[f"killed {point}"] = fleet.deaths
        world.expire_leases()
        world.say(SweepRequested())
        world.broker.run(2)
        assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    assert len([run for run in world.runs() if run.pipeline_id is None]) == (
        function == "record_failure"
    )
    cuts = [run for run in world.runs("cut_clip") if run.pipeline_id is not None]
    assert len(cuts) == (1 if asking else MOMENTS) * len(world.pipelines())


def _request(world: FaultWorld) -> None:
    (stat,) = world.files.list(f"{world.context.upload_url}/")
    world.say(PipelineRequested(source_url=stat.url, request_id="again"))
