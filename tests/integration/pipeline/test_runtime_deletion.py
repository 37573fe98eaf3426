"""Runs and videos are deleted while all their stages work."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select, text

from shared.db.models import PipelineHistory, Video
from shared.messaging.delivery import Outcome
from tests.support.pipelines.pipelines import World, in_threads

PIPELINES = 24
WORKERS = 4


@pytest.fixture
def busy_world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A world with connections for many threads."""
    world = World(database_url, tmp_path, pool_size=WORKERS + 2)
    yield world
    world.close()


def _delete(world: World, pipeline: str, what: str) -> None:
    with world.context.session() as session, session.begin():
        # A video's pipelines are locked before it is deleted: the order that stages lock in.
        row = session.execute(
            select(PipelineHistory).where(PipelineHistory.identifier == pipeline).with_for_update()
        ).scalar_one()
        if what == "video":
            session.execute(delete(Video).where(Video.id == row.video_id))
        else:
            session.execute(delete(PipelineHistory).where(PipelineHistory.id == row.id))


@pytest.mark.parametrize("what", ["pipeline", "video"])
def test_deletion_stops_every_working_stage(
    busy_world: World, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    """No worker hangs, no deadlock occurs, and later messages are acknowledged without effect."""
    world = busy_world
    pipelines = [world.begin() for _ in range(PIPELINES)]
    waiting = list(pipelines)

    def work() -> None:
        while waiting:
            try:
                world.run(waiting.pop())
            except IndexError:
                return

    def remove() -> None:
        chance = random.Random(7)
        for pipeline in reversed(pipelines):
            time.sleep(chance.uniform(0, 0.05))
            _delete(world, pipeline, what)

    in_threads(*[work] * WORKERS, remove)
    world.drain()
    for pipeline in pipelines:
        assert set(world.run(pipeline)) == {Outcome.IGNORED}
    with world.engine.connect() as connection:
        for table in ("pipeline_history", "stage_runs"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    assert "deadlock" not in caplog.text
    assert "40P01" not in caplog.text
