"""Counts of the fault tests, printed at the end of the session."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from tests.support.faults.world import FaultWorld

SEED_VARIABLE = "VIDEOMOMENTS_TEST_SEED"
SCALE_VARIABLE = "VIDEOMOMENTS_TEST_FULL_SCALE"
DEFAULT_SEED = 20_261_120
MOST_SEEDS = 4
# Notes that can be added up.
SUMMED = ("examples", "steps")


def base_seed() -> int:
    """The session's seed: given, or a constant."""
    return int(os.environ.get(SEED_VARIABLE, DEFAULT_SEED))


def full_scale() -> float:
    """The factor of the full forms: 1, or less for a quick look."""
    return float(os.environ.get(SCALE_VARIABLE, "1"))


def sizes(*, quick: int, full: int, minutes: float = 30) -> pytest.MarkDecorator:
    """Parametrise `size`: quick form for `make test`, full form for `make test-full`.

    A test with one form runs in both.
    """
    scaled = max(min(quick, full), round(full * full_scale()))
    marks = (pytest.mark.full, pytest.mark.timeout(minutes * 60))
    return pytest.mark.parametrize(
        "size",
        [
            pytest.param(quick, id="quick", marks=pytest.mark.quick),
            pytest.param(scaled, id="full", marks=marks),
        ],
    )


@dataclass
class Counts:
    """One test's counts. `lost` and `doubled` come from the invariants, the rest from events."""

    seed: int
    pipelines: int = 0
    attempts: int = 0
    deliveries: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    doubled: int = 0
    notes: dict[str, float | str] = field(default_factory=dict)

    def take(self, world: FaultWorld) -> None:
        """Add the counts of that world's ledger and broker."""
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
        """Count lost and doubled results."""
        self.lost += sum(violation.startswith("lost") for violation in violations)
        self.doubled += sum(violation.startswith("doubled") for violation in violations)

    def packed(self) -> str:
        """The counts as text, for a report between processes."""
        return json.dumps(vars(self))

    @classmethod
    def unpacked(cls, text: str) -> Counts:
        """The inverse of `packed`."""
        facts = json.loads(text)
        return cls(**{**facts, "faults": Counter(facts["faults"])})


def line_of(all_counts: Sequence[Counts]) -> str:
    """One line for people, for one test or for the tests of one number."""
    faults: Counter[str] = Counter()
    for counts in all_counts:
        faults.update(counts.faults)
    named = ", ".join(f"{count} {name}" for name, count in sorted(faults.items()) if count)
    seeds = ", ".join(str(counts.seed) for counts in all_counts)
    many = f"{len(all_counts)} tests, " if len(all_counts) > 1 else ""
    return (
        f"{many}{_sum(all_counts, 'pipelines')} pipelines, {_sum(all_counts, 'deliveries')} "
        f"deliveries, {_sum(all_counts, 'attempts')} attempts; faults injected: {faults.total()} "
        f"({named or 'none'}); lost {_sum(all_counts, 'lost')}, doubled "
        f"{_sum(all_counts, 'doubled')}{_notes(all_counts)}"
        f"{f'; seed {seeds}' if len(all_counts) <= MOST_SEEDS else ''}"
    )


def _notes(all_counts: Sequence[Counts]) -> str:
    """One test's notes, or the sums over several."""
    if len(all_counts) == 1:
        notes = all_counts[0].notes
    else:
        notes = {
            name: sum(float(counts.notes.get(name, 0)) for counts in all_counts)
            for name in SUMMED
            if any(name in counts.notes for counts in all_counts)
        }
    said = {
        name: value if isinstance(value, str) else f"{value:.10g}" for name, value in notes.items()
    }
    return "".join(f"; {name} {value}" for name, value in said.items())


def _sum(all_counts: Sequence[Counts], name: str) -> int:
    return sum(int(getattr(counts, name)) for counts in all_counts)
