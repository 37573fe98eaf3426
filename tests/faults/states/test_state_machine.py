"""Number 3: any sequence of deliveries, duplicates, crashes, failures, sweeps and changes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.runtime import Runtime
from tests.support.faults.ledger import Died, Ledger, die
from tests.support.faults.report import Counts, full_scale
from tests.support.faults.strikes.injection import SabotagedFolder, Saboteur
from tests.support.faults.world import FaultWorld

STEPS = 50
# Each is a test of its own with its own seed, so that they can go side by side.
PARTS = 4


def _sizes() -> Iterator[Any]:
    """Fifty examples of fifty steps per commit, five hundred per night."""
    marks = (pytest.mark.full, pytest.mark.timeout(3 * 3600))
    full = max(10, round(500 * full_scale()))
    for part in range(PARTS):
        yield pytest.param(_in_part(50), id=f"quick-{part + 1}", marks=pytest.mark.quick)
        yield pytest.param(_in_part(full), id=f"full-{part + 1}", marks=marks)


def _in_part(examples: int) -> int:
    """A fifth more, because Hypothesis ends some early, on average after 43 steps."""
    return math.ceil(1.2 * examples / PARTS)


@pytest.fixture
def saboteur(monkeypatch: pytest.MonkeyPatch) -> Iterator[Saboteur]:
    """Strikes by an exception that nothing catches. No heartbeats: real time stands still."""
    monkeypatch.setattr(Heartbeat, "__enter__", lambda this: this)
    monkeypatch.setattr(Heartbeat, "__exit__", lambda *_: None)
    after_error = Runtime._after_error

    def dead_do_nothing(runtime: Runtime, job: Job, error: BaseException) -> Any:
        if isinstance(error, Died):
            raise error
        return after_error(runtime, job, error)

    monkeypatch.setattr(Runtime, "_after_error", dead_do_nothing)
    saboteur = Saboteur(monkeypatch, die)
    yield saboteur
    saboteur.close()


@pytest.mark.parametrize("examples", list(_sizes()))
def test_runs_end_correctly_after_any_sequence_of_events(
    examples: int,
    make_world: Callable[..., FaultWorld],
    saboteur: Saboteur,
    tmp_path: Path,
    counts: Counts,
) -> None:
    """Every run ends in its right state, every row exists once, and no object is an orphan."""
    storage = SabotagedFolder(tmp_path / "world-0" / "buckets", saboteur, remote=False)
    world = make_world(garbage=True, storage=storage, max_attempts=100)
    world.engine.pool._pre_ping = False
    Ledger.world, Ledger.counts, Ledger.saboteur = world, counts, saboteur
    Ledger.done = Counter()
    machine = hypothesis.seed(counts.seed)(Ledger)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    counts.notes.update(Ledger.done)
    world.clear()
