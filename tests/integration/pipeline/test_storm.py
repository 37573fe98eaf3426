"""Everything at once: duplicates, crashes, overtaken leases and sweeps, on many runs."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.errors import PublishFailed
from shared.messages.base import Message
from shared.messaging.delivery import Outcome
from shared.messaging.outgoing import STAGE_ATTRIBUTE
from shared.messaging.protocol import Outgoing
from shared.pipeline.job import Job
from shared.pipeline.upkeep.sweep import sweep
from tests.support.pipelines.pipelines import World, in_threads
from tests.support.pipelines.stages import probed

PIPELINES = 50
THREADS = 8
SLICES, MOMENTS = 3, 2
SEED = 20_261_120
LEASE_SECONDS = 90.0

# What there is when all went well, per pipeline.
EXPECTED = {
    "videos": 1,
    "transcripts": 1,
    "moments": MOMENTS,
    "clips": MOMENTS,
    "pipeline_history": 1,
    "stage_runs": 1 + SLICES + 1 + 2 * MOMENTS,
}


class Storm:
    """A broker that duplicates and shuffles, between workers that crash at random."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._subscriptions = world.context.topology.subscriptions
        self._waiting: list[Outgoing] = []
        self.delivered = 0
        self.crashed = 0
        points = ("split", "hear.finish", "choose", "cut.stored", "cut.finish", "cut.after")
        world.plan.hooks = dict.fromkeys(points, self._crash)

    def publish(self, messages: list[Outgoing]) -> None:
        """Keep each message 1 to 5 times, in any order; refuse at times, as after a crash."""
        with self._lock:
            if self._random.random() < 0.03:
                raise PublishFailed("crashed between commit and publish")
            for message in messages:
                resent = STAGE_ATTRIBUTE in message.attributes
                self._waiting += [message] * (1 if resent else self._random.randint(1, 5))
            self._random.shuffle(self._waiting)

    def work(self) -> None:
        """Deliver until no message waits; refused ones come again."""
        while True:
            with self._lock:
                if not self._waiting:
                    return
                sent = self._waiting.pop()
                fate = self._random.random()
                self.delivered += 1
            if fate < 0.02:
                self._die_at_work(sent)
                continue
            if fate > 0.99:
                self.sweep_late()
            outcomes = self._world.receive(sent)
            if not all(outcome.acknowledged for outcome in outcomes):
                with self._lock:
                    self._waiting.insert(0, sent)

    def _die_at_work(self, sent: Outgoing) -> None:
        """Claim the stage run and never answer its message."""
        name = next(one.function for one in self._subscriptions if one.topic == sent.topic)
        message = self._world.context.topology.messages[sent.topic].model_validate_json(sent.body)
        # It may be done already, or in others' hands.
        with suppress(AssertionError):
            self._world.take_lease(name, message)

    def sweep_late(self) -> None:
        """Sweep as if every lease had expired, even of live workers."""
        self._world.advance(LEASE_SECONDS + 1)
        try:
            sweep(self._world.context)
        except PublishFailed:
            self.crashed += 1

    def _crash(self, message: Message, job: Job) -> None:
        with self._lock:
            if self._random.random() > 0.12:
                return
            self.crashed += 1
        raise ConnectionError("crashed")


@pytest.fixture
def storm_world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A world for many threads in which attempts never run out."""
    world = World(database_url, tmp_path, pool_size=THREADS + 2, max_attempts=100)
    world.plan.slices, world.plan.moments = SLICES, MOMENTS
    yield world
    world.close()


def test_storm_leaves_the_rows_of_a_calm_run(
    storm_world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Every row exists once, a row names every file, every run completes, no deadlock occurs."""
    world = storm_world
    storm = Storm(world, SEED)
    world.context.publisher = storm  # type: ignore[assignment]
    pipelines = [world.begin() for _ in range(PIPELINES)]
    for _ in range(20):
        in_threads(*[storm.work] * THREADS)
        if all(world.history(pipeline).status != "running" for pipeline in pipelines):
            break
        world.advance(world.context.policy.republish_seconds + 700)
        storm.sweep_late()
    assert storm.delivered > 1000
    assert storm.crashed > 30
    assert {world.history(pipeline).status for pipeline in pipelines} == {"completed"}
    assert {world.history(pipeline).total_clips_created for pipeline in pipelines} == {MOMENTS}
    in_threads(*[storm.work] * THREADS)
    assert world.deliver("split", probed(pipelines[0])) is Outcome.DUPLICATE
    _check_rows(world)
    assert "deadlock" not in caplog.text
    assert "40P01" not in caplog.text


def _check_rows(world: World) -> None:
    with world.engine.connect() as connection:
        for table, each in EXPECTED.items():
            count = connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
            assert (table, count) == (table, each * PIPELINES)
        statuses = connection.execute(text("SELECT DISTINCT status FROM stage_runs")).scalars()
        assert list(statuses) == ["completed"]
        urls = set(connection.execute(text("SELECT cloud_url FROM clips")).scalars())
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.commit()
        deadlocks = connection.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        ).scalar_one()
    assert deadlocks == 0
    sweep(world.context)
    assert world.objects() == urls
