"""Deliveries come more than once, to the wrong place, too early and too late."""

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


def test_a_pipeline_goes_from_end_to_end(world: World) -> None:
    """Each stage runs once, the pipeline is completed with its totals, the temporary is gone."""
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


def test_a_duplicate_commits_nothing_and_sends_what_waits(world: World) -> None:
    """A message done before is acknowledged; its children that still wait are sent once more."""
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


def test_what_waits_for_its_next_attempt_is_not_sent_by_a_duplicate(world: World) -> None:
    """A child that failed for now keeps its backoff, however often its parent is delivered."""

    def fail(message: Message, job: Job) -> None:
        raise OSError("for now")

    pipeline = world.begin()
    world.plan.slices = 1
    world.deliver("split", probed(pipeline))
    world.plan.hooks["hear"] = fail
    assert world.drain() == [Outcome.RETRY]
    assert world.deliver("split", probed(pipeline)) is Outcome.DUPLICATE
    assert world.publisher.take() == []


def test_another_workers_live_lease_is_refused(world: World) -> None:
    """While somebody has the run its message is refused, so that it comes again."""
    pipeline = world.begin()
    world.take_lease("split", probed(pipeline))
    world.advance(world.context.policy.lease_seconds - 5)
    assert world.deliver("split", probed(pipeline)) is Outcome.BUSY
    assert not Outcome.BUSY.acknowledged
    assert world.runs(pipeline)[0].attempt == 1
    world.advance(10)
    assert world.deliver("split", probed(pipeline)) is Outcome.DONE


def test_a_crash_between_commit_and_publish_is_healed_by_redelivery(world: World) -> None:
    """The delivery is refused; the next one publishes what the first had committed."""
    pipeline = world.begin()
    world.publisher.refusing = 1
    assert world.deliver("split", probed(pipeline)) is Outcome.RETRY
    assert world.statuses(pipeline, "split") == ["completed"]
    assert world.deliver("split", probed(pipeline)) is Outcome.DUPLICATE
    world.drain()
    assert world.history(pipeline).status == "completed"


def test_a_crash_between_commit_and_publish_is_healed_by_the_sweep(world: World) -> None:
    """Without any redelivery the ledger alone brings the pipeline to its end."""
    pipeline = world.begin()
    world.publisher.refusing = 1
    assert world.deliver("split", probed(pipeline)) is Outcome.RETRY
    assert sweep(world.context).published == 0
    world.advance(world.context.policy.republish_seconds + 1)
    assert sweep(world.context).published == 2
    world.drain()
    assert world.history(pipeline).status == "completed"


def test_a_stage_outside_the_pipelines_type_has_no_part(world: World) -> None:
    """What the type leaves out is neither queued nor, if published all the same, begun."""
    pipeline = world.begin("moments_only")
    world.run(pipeline)
    assert world.history(pipeline).status == "completed"
    assert world.runs(pipeline, "cut") == []
    with world.context.session() as session:
        name = session.execute(select(Moment.identifier).limit(1)).scalar_one()
    assert world.deliver("cut", found(pipeline, name)) is Outcome.IGNORED
    assert world.runs(pipeline, "cut") == []


def test_runtime_handles_a_message_when_it_names_no_function(world: World) -> None:
    """An empty attribute `stage` says nothing: the message is for every function."""
    assert world.deliver("split", probed(world.begin()), stage="") is Outcome.DONE


def test_what_is_for_another_function_is_ignored(world: World) -> None:
    """The attribute `stage` names the only function that handles the message."""
    pipeline = world.begin()
    assert world.deliver("split", probed(pipeline), stage="hear") is Outcome.IGNORED
    assert world.statuses(pipeline, "split") == ["queued"]
    assert world.deliver("split", probed(pipeline), stage="split") is Outcome.DONE


def test_what_comes_while_a_stage_looks_for_it_is_found_the_next_time(world: World) -> None:
    """A message that overtook its moment is not failed because the moment came meanwhile."""
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


def test_an_unknown_pipeline_is_ignored(world: World) -> None:
    """A message of a deleted pipeline is acknowledged and leaves no trace."""
    assert world.deliver("split", probed("pipeline:gone")) is Outcome.IGNORED
    assert world.runs("pipeline:gone") == []


def test_only_a_running_pipeline_takes_what_nobody_queued(world: World) -> None:
    """A hand-published message begins a run of its own, but not in a pipeline that has ended."""
    pipeline = world.begin()
    world.run(pipeline)
    assert world.deliver("hear", sliced(pipeline, 7)) is Outcome.IGNORED
    other = world.begin()
    assert world.deliver("split", probed(other)) is Outcome.DONE
    url = world.runs(other, "hear")[0].message["slice_url"]
    assert world.deliver("hear", sliced(other, 7, url=url)) is Outcome.DONE
    assert world.statuses(other, "hear") == ["queued", "queued", "completed"]


def test_a_message_emitted_twice_is_one_run(world: World) -> None:
    """The same subject emitted twice by one stage is queued and published once."""
    pipeline = world.begin()
    world.plan.emits_twice = True
    world.deliver("split", probed(pipeline))
    assert len(world.runs(pipeline, "hear")) == 2
    assert len(world.publisher.take()) == 2


def test_a_pipeline_deleted_under_its_stage_harms_nobody(world: World) -> None:
    """The worker commits nothing and is told to come again; then there is nothing to do."""
    pipeline = world.begin()

    def remove(message: Message, job: Job) -> None:
        with world.context.session() as session, session.begin():
            session.execute(delete(PipelineHistory))

    world.plan.hooks["split"] = remove
    assert world.deliver("split", probed(pipeline)) is Outcome.BUSY
    assert world.deliver("split", probed(pipeline)) is Outcome.IGNORED
    assert world.objects() == set()
    assert world.publisher.take() == []
