"""Play a scenario on workers, one of which dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.faults.chaos import Chaos
from tests.support.faults.fleet import Fleet
from tests.support.faults.small_media import what_is_wrong
from tests.support.faults.strikes.scenarios import FAKE, SLICES, Scenario
from tests.support.faults.worker import WorkerSpec
from tests.support.faults.world import FaultWorld

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Play:
    """The stage of a scenario: its world and workers, and its source."""

    world: FaultWorld
    fleet: Fleet
    source: str | Path


@contextmanager
def staged(
    scenario: Scenario,
    *,
    make_world: Callable[..., FaultWorld],
    database_url: str,
    folder: Path,
    chaos: Chaos,
    real: bool,
    model_settings: Settings,
    workers: int,
) -> Iterator[Play]:
    """The workers, running until the block ends, after the scenario's first part."""
    world = make_world(
        chaos=chaos, garbage=True, probe=what_is_wrong if real else None, **scenario.settings
    )
    source = scenario.media(folder) if real and scenario.media else FAKE
    if scenario.first is not None:
        scenario.first(world, source)
    spec = WorkerSpec(
        database_url,
        world.folder / "buckets",
        world.folder / "work",
        real_media=real,
        settings={**scenario.settings, **SLICES, **(model_settings if scenario.asks else {})},
    )
    with Fleet(world, spec, size=workers) as fleet:
        yield Play(world, fleet, source)
