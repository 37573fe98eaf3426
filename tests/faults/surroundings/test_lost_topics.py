"""Number 7: the topics lose every message in the middle of a run."""

from __future__ import annotations

import random
from collections.abc import Callable

from sqlalchemy import text

from shared.messages.videos import VideoUploaded
from tests.support.faults.chaos import STORM
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld

PIPELINES = 3


@sizes(quick=4, full=200, minutes=60)
def test_runs_complete_from_the_ledger_when_all_messages_are_lost(
    size: int, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """At any progress of the runs, two sweeps after the loss all are completed."""
    world = make_world(chaos=STORM)
    chance = random.Random(counts.seed)
    for _ in range(size):
        urls = [world.drop() for _ in range(PIPELINES)]
        world.broker.run(4, most=chance.randint(PIPELINES, 40 * PIPELINES))
        # Away for a while, too: what is done meanwhile can publish nothing.
        world.broker.away = chance.random() < 0.5
        if world.broker.away:
            world.broker.run(4, most=PIPELINES)
        world.broker.lose_everything()
        world.broker.away = False
        # A drop that nobody has taken in is all that no ledger knows: its sender sends it again.
        known = _admitted(world)
        for url in urls:
            if url not in known:
                world.say(VideoUploaded(source_url=url))
        assert world.settle(workers=4, sweeps=2) <= 2
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    assert len(world.pipelines()) == size * PIPELINES
    assert world.broker.faults["lost with its topic"] > 0


def _admitted(world: FaultWorld) -> set[str]:
    with world.engine.connect() as connection:
        return set(connection.execute(text("SELECT cloud_url FROM videos")).scalars())
