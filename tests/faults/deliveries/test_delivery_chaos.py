"""Number 1: eight workers get every event one to five times, in any order."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import text

from tests.support.faults.chaos import STORM
from tests.support.faults.report import sizes
from tests.support.faults.world import FaultWorld

MOMENTS = 2
SLICES = 2
# What a calm run leaves, per pipeline.
EXPECTED = {
    "videos": 1,
    "pipeline_history": 1,
    "transcripts": 1,
    "moments": MOMENTS,
    "clips": MOMENTS,
    "thumbnails": 1 + MOMENTS,
    "stage_runs": 1 + 1 + SLICES + 1 + MOMENTS + 1 + MOMENTS,
}


@sizes(quick=12, full=1000, minutes=40)
def test_runs_leave_exact_rows_when_deliveries_are_shuffled_duplicates(
    size: int, make_world: Callable[..., FaultWorld]
) -> None:
    """Every table holds exactly the rows of a quiet run, and every run is completed."""
    world = make_world(chaos=STORM, min_moments=MOMENTS, max_moments=MOMENTS)
    for _ in range(size):
        world.drop()
    world.settle(workers=8)
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    with world.engine.connect() as connection:
        for table, each in EXPECTED.items():
            count = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            assert (table, count) == (table, each * size)
    assert world.broker.faults["duplicate"] > size
    assert world.broker.faults["redelivered while running"] > 0
