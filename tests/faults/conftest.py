"""Every fault test ends with the invariants, and the session reports its counts."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.faults.invariants import Invariants
from tests.support.faults.report import SEED_VARIABLE, Counts, base_seed, line_of
from tests.support.faults.small_media import FixedSpeech, what_is_wrong
from tests.support.faults.world import FaultWorld

PROPERTY = "faults"


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """The test's own seed, shown if the test fails."""
    own = (base_seed() + zlib.crc32(request.node.nodeid.encode())) % 2**31
    print(f"seed {own}, of {SEED_VARIABLE}={base_seed()}")
    return own


@pytest.fixture
def counts(seed: int, record_property: Callable[[str, object], None]) -> Iterator[Counts]:
    """The test's counts."""
    counts = Counts(seed)
    yield counts
    record_property(PROPERTY, counts.packed())


@pytest.fixture
def make_world(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    counts: Counts,
    expected_errors: list[Any],
) -> Iterator[Callable[..., FaultWorld]]:
    """Makes the test's world with fake media, and checks its invariants at the end.

    `garbage`: objects without a row may exist, and are collected first.
    """
    made: list[Invariants] = []

    def make(
        *,
        garbage: bool = False,
        probe: Callable[[Path], str | None] | None = None,
        real_media: bool = False,
        **options: Any,
    ) -> FaultWorld:
        folder = tmp_path / f"world-{len(made)}"
        folder.mkdir()
        world = FaultWorld(database_url, folder, seed=counts.seed, **options)
        if not real_media:
            world.media.install(monkeypatch)
        # Files outlive every kill, and nobody pulls the plug here.
        monkeypatch.setattr(os, "fsync", lambda file: None)
        made.append(Invariants(world, probe, garbage))
        return world

    yield make
    try:
        for invariants in made:
            violations = invariants.violations()
            counts.take(invariants.world)
            counts.judge(violations)
            assert not violations, "\n".join(violations)
    finally:
        for invariants in made:
            invariants.world.close()


@pytest.fixture
def real_world(make_world: Callable[..., FaultWorld]) -> FaultWorld:
    """A world with real media, for one tiny video."""
    return make_world(
        garbage=True, probe=what_is_wrong, real_media=True, speech=FixedSpeech, max_moments=1
    )


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line per test function and one for all: attempts, faults, lost, doubled."""
    said: dict[str, list[Counts]] = {}
    for outcome in ("", "error"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, packed in getattr(report, "user_properties", []):
                if name == PROPERTY and report.when == "teardown":
                    function = report.nodeid.rpartition("/")[2].partition("[")[0]
                    said.setdefault(function, []).append(Counts.unpacked(packed))
    if not said:
        return
    terminalreporter.section(f"faults, by {SEED_VARIABLE}={base_seed()}")
    for function, counts in sorted(said.items()):
        terminalreporter.write_line(f"{function}: {line_of(counts)}")
    if len(said) > 1:
        everything = [counts for several in said.values() for counts in several]
        terminalreporter.write_line(f"all of them: {line_of(everything)}")
