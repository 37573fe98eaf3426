"""Leases that are overtaken, kept alive, and lost."""

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
    """One run, two workers: the first stops with its file stored until its lease is over.

    `first_goes_on`: at once, while the second claims; when the second is at work; or when the
    second is done.
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
def test_an_overtaken_worker_commits_nothing(world: World, first_goes_on: str) -> None:
    """However the two meet, one commits, one row and one file are left, and none is doubled."""
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
def test_an_overtaken_workers_error_is_nobody_elses(world: World, error: Exception) -> None:
    """Neither the other's lease nor its attempt is touched by what the first one failed at."""
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


def test_a_lease_over_but_not_taken_still_commits(world: World) -> None:
    """Work is not thrown away because it was slow: only another worker's claim loses it."""
    pipeline = world.begin()
    world.plan.hooks["split"] = lambda message, job: world.advance(3600)
    assert world.deliver("split", probed(pipeline)) is Outcome.DONE


@pytest.fixture
def hasty(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A world of short leases."""
    world = World(database_url, tmp_path, lease_seconds=1, heartbeat_seconds=0.1)
    yield world
    world.close()


def test_a_heartbeat_keeps_a_short_lease_alive(hasty: World) -> None:
    """Work three times as long as the lease is never taken over, and done once."""
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


def test_a_lost_lease_ends_the_work(hasty: World) -> None:
    """Once another has the run, asking for the time that is left raises, and nothing is kept."""
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


def test_a_heartbeat_outlives_a_database_that_is_away(
    hasty: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beat that fails is no lost lease: the next one may pass, and the fence decides."""
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
