"""Deliveries arrive twice, at the wrong function, too early or too late."""

from __future__ import annotations

from sqlalchemy import delete, func, select

from shared.db.models import Moment, PipelineHistory, Transcript
from shared.error_codes.runs import UNKNOWN_MOMENT
from shared.errors import NotThere
from shared.messages.base import Message
from shared.messaging.delivery import Outcome
from shared.pipeline.job import Job
from shared.pipeline.upkeep.sweep import sweep
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.stages import found, probed, sliced


def test_run_completes_from_end_to_end(world: World) -> None:
    """Each stage runs once, totals are written, and temporary objects are deleted."""
    pipeline = world.begin()
    assert set(world.run(pipeline)) == {Outcome.DONE}
    history = world.history(pipeline)
    assert history.status == "completed"
    assert history.completed_at is not None
    assert history.duration_seconds is not None
    assert 0 < history.duration_seconds < 60
    assert (history.total_moments_generated, history.total_clips_created) == (2, 2)
    assert (history.error_stage, history.error_message) == (None, None)
    runs = world.runs(pipeline)
    assert len(runs) == 1 + 2 + 1 + 2 + 2
    assert {(run.status, run.attempt) for run in runs} == {("completed", 1)}
    assert all(run.result is None and run.metrics["seconds"] >= 0 for run in runs)
    assert len(world.objects()) == 2
    assert not list((world.context.work_root or world.storage.root).iterdir())


def test_duplicate_publishes_waiting_children_again(world: World) -> None:
    """A completed message is acknowledged without a commit."""
    pipeline = world.begin()
    assert world.deliver("split", probed(pipeline)) is Outcome.DONE
    first, second = world.publisher.take()
    world.receive(first)
    assert world.deliver("split", probed(pipeline)) is Outcome.DUPLICATE
    (again,) = world.publisher.take()
    assert (again.body, again.attributes["stage"]) == (second.body, "hear")
    assert [run.attempt for run in world.runs(pipeline, "split")] == [1]
    world.receive(again)
    world.drain()
    assert world.deliver("split", probed(pipeline)) is Outcome.DUPLICATE
    assert world.publisher.take() == []
    with world.context.session() as session:
        assert session.execute(select(func.count()).select_from(Transcript)).scalar_one() == 1


def test_duplicate_does_not_publish_a_child_in_backoff(world: World) -> None:
    """A failed child keeps its backoff, however often its parent is delivered."""

    def fail(message: Message, job: Job) -> None:
        raise OSError("for now")

    pipeline = world.begin()
    world.plan.slices = 1
    world.deliver("split", probed(pipeline))
    world.plan.hooks["hear"] = fail
    assert world.drain() == [Outcome.RETRY]
    assert world.deliver("split", probed(pipeline)) is Outcome.DUPLICATE
    assert world.publisher.take() == []


def test_delivery_is_refused_while_another_lease_is_live(world: World) -> None:
    """The message comes again later."""
    pipeline = world.begin()
    world.take_lease("split", probed(pipeline))
    world.advance(world.context.policy.lease_seconds - 5)
    assert world.deliver("split", probed(pipeline)) is Outcome.BUSY
    assert not Outcome.BUSY.acknowledged
    assert world.runs(pipeline)[0].attempt == 1
    world.advance(10)
    assert world.deliver("split", probed(pipeline)) is Outcome.DONE


def test_redelivery_publishes_after_a_crash_between_commit_and_publish(world: World) -> None:
    """The next delivery publishes the committed children."""
    pipeline = world.begin()
    world.publisher.refusing = 1
    assert world.deliver("split", probed(pipeline)) is Outcome.RETRY
    assert world.statuses(pipeline, "split") == ["completed"]
    assert world.deliver("split", probed(pipeline)) is Outcome.DUPLICATE
    world.drain()
    assert world.history(pipeline).status == "completed"


def test_sweep_publishes_after_a_crash_between_commit_and_publish(world: World) -> None:
    """The ledger alone completes the run, without a redelivery."""
    pipeline = world.begin()
    world.publisher.refusing = 1
    assert world.deliver("split", probed(pipeline)) is Outcome.RETRY
    assert sweep(world.context).published == 0
    world.advance(world.context.policy.republish_seconds + 1)
    assert sweep(world.context).published == 2
    world.drain()
    assert world.history(pipeline).status == "completed"


def test_stage_is_left_out_of_run_types_it_does_not_declare(world: World) -> None:
    """It is neither queued nor, if published by hand, started."""
    pipeline = world.begin("moments_only")
    world.run(pipeline)
    assert world.history(pipeline).status == "completed"
    assert world.runs(pipeline, "cut") == []
    with world.context.session() as session:
        name = session.execute(select(Moment.identifier).limit(1)).scalar_one()
    assert world.deliver("cut", found(pipeline, name)) is Outcome.IGNORED
    assert world.runs(pipeline, "cut") == []


def test_runtime_handles_a_message_when_it_names_no_function(world: World) -> None:
    """An empty `stage` attribute means every function."""
    assert world.deliver("split", probed(world.begin()), stage="") is Outcome.DONE


def test_runtime_ignores_a_message_for_another_function(world: World) -> None:
    """The `stage` attribute names the only function that handles the message."""
    pipeline = world.begin()
    assert world.deliver("split", probed(pipeline), stage="hear") is Outcome.IGNORED
    assert world.statuses(pipeline, "split") == ["queued"]
    assert world.deliver("split", probed(pipeline), stage="split") is Outcome.DONE


def test_message_that_overtook_its_moment_finds_it_at_the_next_attempt(world: World) -> None:
    """It does not fail because the moment was committed meanwhile."""
    world.plan.slices, world.plan.moments = 0, 1
    pipeline = world.begin()
    world.deliver("split", probed(pipeline))

    def look(message: Message, job: Job) -> None:
        with job.read() as session:
            assert session.execute(select(Moment.id)).all() == []
        assert world.receive(world.publisher.take()[0]) == [Outcome.DONE]
        raise NotThere(UNKNOWN_MOMENT, "The moment was deleted.")

    world.plan.hooks["cut"] = look
    moment = found(pipeline, f"{world.history(pipeline).video_id}-0")
    assert world.deliver("cut", moment) is Outcome.RETRY
    (run,) = world.runs(pipeline, "cut")
    assert (run.status, run.error_code, run.attempt) == ("queued", "too_early", 0)
    world.plan.hooks.clear()
    assert world.deliver("cut", moment) is Outcome.DONE


def test_message_of_an_unknown_run_is_ignored(world: World) -> None:
    """A deleted run's message is acknowledged and leaves no trace."""
    assert world.deliver("split", probed("pipeline:gone")) is Outcome.IGNORED
    assert world.runs("pipeline:gone") == []


def test_running_run_takes_a_message_published_by_hand(world: World) -> None:
    """An ended run does not."""
    pipeline = world.begin()
    world.run(pipeline)
    assert world.deliver("hear", sliced(pipeline, 7)) is Outcome.IGNORED
    other = world.begin()
    assert world.deliver("split", probed(other)) is Outcome.DONE
    url = world.runs(other, "hear")[0].message["slice_url"]
    assert world.deliver("hear", sliced(other, 7, url=url)) is Outcome.DONE
    assert world.statuses(other, "hear") == ["queued", "queued", "completed"]


def test_message_emitted_twice_is_one_stage_run(world: World) -> None:
    """One subject, emitted twice by a stage, is queued and published once."""
    pipeline = world.begin()
    world.plan.emits_twice = True
    world.deliver("split", probed(pipeline))
    assert len(world.runs(pipeline, "hear")) == 2
    assert len(world.publisher.take()) == 2


def test_stage_commits_nothing_when_its_run_was_deleted(world: World) -> None:
    """The delivery is refused once; the next one has nothing to do."""
    pipeline = world.begin()

    def remove(message: Message, job: Job) -> None:
        with world.context.session() as session, session.begin():
            session.execute(delete(PipelineHistory))

    world.plan.hooks["split"] = remove
    assert world.deliver("split", probed(pipeline)) is Outcome.BUSY
    assert world.deliver("split", probed(pipeline)) is Outcome.IGNORED
    assert world.objects() == set()
    assert world.publisher.take() == []
