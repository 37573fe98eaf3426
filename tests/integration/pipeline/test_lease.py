"""Leases that expire, stay alive, or are lost to another worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select, update

from shared.db.models import Clip, StageRun
from shared.errors import LeaseLost, Reject
from shared.messages.base import Message
from shared.messages.videos import VideoProbed
from shared.messaging.delivery import Outcome
from shared.messaging.protocol import Outgoing
from shared.pipeline import heartbeat
from shared.pipeline.job import Job
from shared.pipeline.ledger import lease as leases
from tests.support.error_codes import NOISE
from tests.support.patience import PATIENCE_SECONDS
from tests.support.pipelines.pipelines import World, in_threads
from tests.support.pipelines.stages import probed

ROUNDS = 120


class Overtaking:
    """One run, two workers: the first stops, with its file stored, until its lease expires.

    `first_goes_on`: at once, while the second claims; while the second works; or after the second.
    """

    def __init__(self, world: World, first_goes_on: str) -> None:
        self._world = world
        self._first_goes_on = first_goes_on
        self._stopped = threading.Event()
        self._go_on = threading.Event()
        self._first_ended = threading.Event()
        world.plan.hooks["cut.stored"] = self._stored

    def _stored(self, message: Message, job: Job) -> None:
        if job.claim.attempt == 1:
            self._world.advance(self._world.context.policy.lease_seconds + 1)
            self._stopped.set()
            assert self._go_on.wait(PATIENCE_SECONDS)
        elif self._first_goes_on == "second at work":
            self._go_on.set()
            assert self._first_ended.wait(PATIENCE_SECONDS)

    def first(self, sent: Outgoing) -> Outcome:
        (outcome,) = self._world.receive(sent)
        self._first_ended.set()
        return outcome

    def second(self, sent: Outgoing) -> Outcome:
        assert self._stopped.wait(PATIENCE_SECONDS)
        if self._first_goes_on == "at once":
            self._go_on.set()
        (outcome,) = self._world.receive(sent)
        self._go_on.set()
        return outcome


@pytest.mark.parametrize("first_goes_on", ["at once", "second at work", "second done"])
def test_lease_lets_one_of_two_workers_commit(world: World, first_goes_on: str) -> None:
    """In every meeting one commits, and one row and one file are left."""
    world.plan.slices, world.plan.moments = 0, 1
    overtaken = 0
    for _ in range(ROUNDS // 3):
        race = Overtaking(world, first_goes_on)
        pipeline = world.begin()
        world.deliver("split", probed(pipeline))
        world.receive(world.publisher.take()[0])
        (sent,) = world.publisher.take()
        first, second = in_threads(partial(race.first, sent), partial(race.second, sent))
        assert (first, second) in {
            (Outcome.BUSY, Outcome.DONE),
            (Outcome.DONE, Outcome.DUPLICATE),
        }
        overtaken += first is Outcome.BUSY
        assert len([s for s in world.publisher.take() if s.topic == "clip-cut"]) >= 1
        assert world.history(pipeline).total_clips_created == 1
        (run,) = world.runs(pipeline, "cut")
        assert (run.status, run.attempt) == ("completed", 2 if first is Outcome.BUSY else 1)
    with world.context.session() as session:
        urls = list(session.execute(select(Clip.cloud_url)).scalars())
    assert len(urls) == ROUNDS // 3
    assert set(urls) == world.objects()
    assert overtaken == ROUNDS // 3 or first_goes_on == "at once"


@pytest.mark.parametrize("error", [OSError("for now"), Reject(NOISE, "For good.")])
def test_error_of_an_overtaken_worker_changes_nothing(world: World, error: Exception) -> None:
    """It touches neither the other worker's lease nor its attempt."""
    pipeline = world.begin()

    def overtaken(message: VideoProbed, job: Job) -> None:
        world.advance(world.context.policy.lease_seconds + 1)
        world.take_lease("split", message)
        raise error

    world.plan.hooks["split"] = overtaken
    assert world.deliver("split", probed(pipeline)) is Outcome.BUSY
    (run,) = world.runs(pipeline)
    assert (run.status, run.attempt, run.lease_owner) == ("running", 2, "another")
    assert (run.error_code, world.history(pipeline).status) == (None, "running")


def test_expired_lease_commits_when_no_worker_took_it(world: World) -> None:
    """Slow work is kept; only another worker's claim discards it."""
    pipeline = world.begin()
    world.plan.hooks["split"] = lambda message, job: world.advance(3600)
    assert world.deliver("split", probed(pipeline)) is Outcome.DONE


@pytest.fixture
def hasty(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A world of short leases."""
    world = World(database_url, tmp_path, lease_seconds=1, heartbeat_seconds=0.1)
    yield world
    world.close()


def test_heartbeat_keeps_a_short_lease_alive(hasty: World) -> None:
    """Work three times as long as the lease is done once, by one worker."""
    pipeline = hasty.begin()
    refused: list[Outcome] = []

    def work(message: Message, job: Job) -> None:
        end = time.monotonic() + 2
        while time.monotonic() < end:
            refused.append(hasty.deliver("split", probed(pipeline)))
            time.sleep(0.1)
        assert job.remaining_seconds > 1

    hasty.plan.hooks["split"] = work
    assert hasty.deliver("split", probed(pipeline)) is Outcome.DONE
    assert set(refused) == {Outcome.BUSY}


def test_remaining_seconds_raises_when_the_lease_is_lost(hasty: World) -> None:
    """The job raises and keeps nothing once another worker has the run."""
    pipeline = hasty.begin()
    raised: list[str] = []

    def work(message: Message, job: Job) -> None:
        path = job.workdir / "a"
        path.write_bytes(b"a")
        job.store(path, f"{hasty.context.derived_url}/a", content_type="text/plain")
        with hasty.context.session() as session, session.begin():
            session.execute(
                update(StageRun).values(lease_token="0" * 32)  # another worker's claim
            )
        end = time.monotonic() + PATIENCE_SECONDS
        try:
            while time.monotonic() < end and job.remaining_seconds:
                time.sleep(0.02)
        except LeaseLost as lost:
            raised.append(str(lost))
            raise

    hasty.plan.hooks["split"] = work
    assert hasty.deliver("split", probed(pipeline)) is Outcome.BUSY
    assert raised == ["another worker took this stage run over"]
    assert hasty.objects() == set()
    assert hasty.statuses(pipeline, "split") == ["running"]


def test_heartbeat_survives_a_database_that_is_away(
    hasty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed beat is not a lost lease: the next may succeed, and the fence decides."""
    pipeline = hasty.begin()
    failures = iter([OSError("away"), OSError("away")])

    def flaky(*args: object, **options: object) -> bool:
        if error := next(failures, None):
            raise error
        return leases.renew(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(heartbeat, "renew", flaky)
    hasty.plan.hooks["split"] = lambda message, job: time.sleep(1)
    assert hasty.deliver("split", probed(pipeline)) is Outcome.DONE
    assert next(failures, None) is None
