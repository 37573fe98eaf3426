"""What the fault tests count, said at the end of the session."""

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
    """The seed of this session: given, or always the same."""
    return int(os.environ.get(SEED_VARIABLE, DEFAULT_SEED))


def full_scale() -> float:
    """By what the full forms are multiplied: 1, or less for a look at them."""
    return float(os.environ.get(SCALE_VARIABLE, "1"))


def sizes(*, quick: int, full: int, minutes: float = 30) -> pytest.MarkDecorator:
    """Parametrise `size`: the quick form for `make test`, the full form for `make test-full`.

    What has one form only is in both.
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

    def packed(self) -> str:
        """As text, for a report that goes from process to process."""
        return json.dumps(vars(self))

    @classmethod
    def unpacked(cls, text: str) -> Counts:
        """What `packed` gave."""
        facts = json.loads(text)
        return cls(**{**facts, "faults": Counter(facts["faults"])})


def line_of(all_counts: Sequence[Counts]) -> str:
    """One line for people, of one test or of several that are one number."""
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
    """Those of one test; of several, what can be added up."""
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
