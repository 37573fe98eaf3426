"""Two workers on one run: the second waits for the first, then sees its result."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from shared.db.models import Moment, Run
from shared.error_codes.runs import UNKNOWN_MOMENT
from shared.errors import NotThere
from shared.messages.base import Message
from shared.messaging.delivery import Outcome
from shared.pipeline.clock import Clock
from shared.pipeline.job import Job
from shared.pipeline.ledger import finish as finishing
from shared.pipeline.ledger.run_state import end_if_done
from shared.videos.deletion import DeletionReport, delete_video
from shared.videos.video_job import VideoJob
from tests.integration.videos.test_deletion import rows
from tests.support.pipelines.concurrent_runs import a_rival
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.stages import found, probed, sliced


def test_claim_waits_for_a_finish_that_passed_the_fence(world: World) -> None:
    """A claim during the commit waits, takes no attempt, and finds the stage run completed."""
    pipeline = world.begin()
    second: list[Future[Outcome]] = []

    def finishing_late(message: Message, job: Job) -> None:
        if not rival.began:
            world.advance(world.context.policy.lease_seconds + 1)
            second.append(rival.meet(lambda: world.deliver("split", probed(pipeline))))

    world.plan.hooks["split.finish"] = finishing_late
    with a_rival(world.engine) as rival:
        assert world.deliver("split", probed(pipeline)) is Outcome.DONE
    assert second[0].result() is Outcome.DUPLICATE
    (run,) = world.runs(pipeline, "split")
    assert (run.status, run.attempt) == ("completed", 1)


def test_ending_run_takes_no_new_stage_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A message arrives between the last look for unfinished stage runs and the commit."""
    world.plan.slices = world.plan.moments = 0
    pipeline = world.begin()
    late: list[Future[Outcome]] = []

    def end_slowly(session: Session, row: Run, clock: Clock) -> bool:
        ended = end_if_done(session, row, clock)
        if ended:
            late.append(rival.meet(lambda: world.deliver("hear", sliced(pipeline, 7))))
        return ended

    monkeypatch.setattr(finishing, "end_if_done", end_slowly)
    with a_rival(world.engine) as rival:
        world.run(pipeline)
    assert [future.result() for future in late] == [Outcome.IGNORED]
    assert world.runs(pipeline, "hear") == []
    assert world.history(pipeline).status == "completed"


def test_deletion_waits_for_a_finishing_stage(world: World, tmp_path: Path) -> None:
    """The stage commits its results, and the deletion deletes them, too."""
    world.plan.slices, world.plan.moments = 0, 1
    world.deliver("split", probed(world.begin()))
    world.receive(world.publisher.take()[0])
    (moment,) = world.publisher.take()
    deletion: list[Future[DeletionReport]] = []

    def delete_meanwhile(message: Message, job: VideoJob) -> None:
        video = job.video.identifier
        deletion.append(rival.meet(lambda: delete_video(world.context, video)))

    world.plan.hooks["cut.finish"] = delete_meanwhile
    with a_rival(world.engine) as rival:
        assert world.receive(moment) == [Outcome.DONE]
    assert (deletion[0].result().pipelines, deletion[0].result().objects) == (1, 1)
    assert (rows(world), world.objects()) == ({}, set())


def test_stage_waits_when_it_looked_during_the_commit_of_its_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment was written, and its stage dated as completed, but not committed yet."""
    world.plan.slices, world.plan.moments = 0, 1
    pipeline = world.begin()
    moment = found(pipeline, f"{world.history(pipeline).video_id}-0")
    world.plan.hooks["cut"] = _miss_its_moment
    # A first look, long before: the run is there when the second comes.
    assert world.deliver("cut", moment) is Outcome.RETRY
    looks: list[Future[Outcome]] = []

    def end_slowly(session: Session, row: Run, clock: Clock) -> bool:
        ended = end_if_done(session, row, clock)
        if not rival.began and world.statuses(pipeline, "choose") == ["running"]:
            looks.append(rival.meet(lambda: world.deliver("cut", moment)))
        return ended

    monkeypatch.setattr(finishing, "end_if_done", end_slowly)
    with a_rival(world.engine) as rival:
        world.run(pipeline)
    assert [look.result() for look in looks] == [Outcome.RETRY]
    assert world.deliver("cut", moment) is Outcome.DONE
    world.drain()
    assert world.history(pipeline).status == "completed"
    assert [run.attempt for run in world.runs(pipeline, "cut")] == [1]


def _miss_its_moment(message: Any, job: Job) -> None:
    """A stage that does not find its row."""
    with job.read() as session:
        row = select(Moment.id).where(Moment.identifier == message.moment)
        if session.execute(row).scalar_one_or_none() is None:
            raise NotThere(UNKNOWN_MOMENT, "The moment was deleted.")
