"""What the fault tests count, said at the end of the session."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from tests.faults.world import FaultWorld

SEED_VARIABLE = "VIDEOMOMENTS_TEST_SEED"
SCALE_VARIABLE = "VIDEOMOMENTS_TEST_FULL_SCALE"
DEFAULT_SEED = 20_261_120


def base_seed() -> int:
    """The seed of this session: given, or always the same."""
    return int(os.environ.get(SEED_VARIABLE, DEFAULT_SEED))


def full_scale() -> float:
    """By what the full forms are multiplied: 1, or less for a look at them."""
    return float(os.environ.get(SCALE_VARIABLE, "1"))


def sizes(*, quick: int, full: int, minutes: float = 30) -> pytest.MarkDecorator:
    """Parametrise `size`: the quick form for `make test`, the full form for `make test-full`."""
    scaled = max(min(quick, full), round(full * full_scale()))
    marks = (pytest.mark.full, pytest.mark.timeout(minutes * 60))
    return pytest.mark.parametrize(
        "size", [pytest.param(quick, id="quick"), pytest.param(scaled, id="full", marks=marks)]
    )


@dataclass
class Counts:
    """Of one test: `lost` and `doubled` are what the invariants found, the rest what happened."""

    seed: int
    pipelines: int = 0
    attempts: int = 0
    deliveries: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    notes: dict[str, float | str] = field(default_factory=dict)

    def take(self, world: FaultWorld) -> None:
        """Add what the ledger and the broker of that world say."""
        with world.engine.connect() as connection:
            self.attempts += connection.execute(
                text("SELECT coalesce(sum(attempt), 0) FROM stage_runs")
            ).scalar_one()
            self.pipelines += connection.execute(
                text("SELECT count(*) FROM pipeline_history")
            ).scalar_one()
        self.deliveries += world.broker.deliveries
        self.faults.update(world.broker.faults)

    def judge(self, violations: list[str]) -> None:
        """Count what is lost and what is doubled."""
        self.lost += sum(violation.startswith("lost") for violation in violations)
        self.doubled += sum(violation.startswith("doubled") for violation in violations)

    def line(self) -> str:
        """One line for people."""
        faults = ", ".join(
            f"{count} {name}" for name, count in sorted(self.faults.items()) if count
        )
        notes = "".join(f"; {name} {value}" for name, value in self.notes.items())
        return (
            f"{self.pipelines} pipelines, {self.deliveries} deliveries, {self.attempts} attempts; "
            f"faults injected: {self.faults.total()} ({faults or 'none'}); lost {self.lost}, "
            f"doubled {self.doubled}{notes}; seed {self.seed}"
        )
