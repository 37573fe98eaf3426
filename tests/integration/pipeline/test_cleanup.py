"""Temporary objects of a run: when they go, and how long a failed run keeps them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from shared.db.models import Transcript
from shared.errors import Reject
from shared.messaging.delivery import Outcome
from shared.pipeline.context import Context
from shared.pipeline.ledger.run_state import lock_run, reopen
from shared.pipeline.upkeep import cleanup as cleaning
from shared.pipeline.upkeep.sweep import sweep
from tests.support.error_codes import BAD_CUT, NOISE
from tests.support.pipelines.concurrent_runs import a_rival
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.plan import raising
from tests.support.pipelines.stages import probed


def _failed(world: World, stage: str, *, subject: str = "") -> str:
    """A run that has failed at that stage."""
    world.plan.hooks[stage] = raising(Reject(NOISE, "It is only noise."), subject=subject)
    pipeline = world.begin()
    world.run(pipeline)
    assert world.history(pipeline).status == "failed"
    world.plan.hooks.clear()
    return pipeline


def _retry(world: World, pipeline: str) -> list[Outcome]:
    assert world.retry(pipeline) > 0
    sweep(world.context, at_once=True)
    return world.drain()


def test_failed_run_keeps_its_temporary_objects_for_a_retry(world: World) -> None:
    """While they are kept, a retry repeats the failed stage and nothing else."""
    pipeline = _failed(world, "hear", subject="1")
    kept = world.objects()
    assert len(kept) == 2
    world.advance(world.context.policy.keep_failed_seconds - 60)
    assert sweep(world.context).cleaned_up == 0
    assert world.objects() == kept
    assert set(_retry(world, pipeline)) == {Outcome.DONE}
    assert world.history(pipeline).status == "completed"
    assert world.history(pipeline).total_clips_created == 2
    assert [run.attempt for run in world.runs(pipeline, "split")] == [1]
    assert len(world.objects()) == 2
    assert all(run.result is None for run in world.runs(pipeline))


@pytest.mark.parametrize("stage", ["hear", "choose"])
def test_retry_starts_where_deleted_temporary_objects_were_made(world: World, stage: str) -> None:
    """After the sweep deleted them, a retry makes them again."""
    pipeline = _failed(world, stage)
    world.advance(world.context.policy.keep_failed_seconds + 60)
    assert sweep(world.context).cleaned_up == 1
    assert world.objects() == set()
    (split,) = world.runs(pipeline)
    assert (split.status, split.error_code) == ("skipped", "pipeline_failed")
    assert split.result is None
    assert world.history(pipeline).status == "failed"
    assert sweep(world.context).cleaned_up == 0
    if stage == "choose":
        with world.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM transcripts")
    assert set(_retry(world, pipeline)) == {Outcome.DONE}
    history = world.history(pipeline)
    assert (history.status, history.total_clips_created) == ("completed", 2)
    assert len(world.runs(pipeline)) == 1 + 2 + 1 + 2 + 2


STEPS = [
    ("_discard_results", "before"),
    ("_discard_results", "after"),
    ("_forget_results", "before"),
]


@pytest.mark.parametrize("fails_again", [False, True])
@pytest.mark.parametrize(("step", "when"), STEPS)
def test_retry_during_a_cleanup_loses_no_object(
    world: World, monkeypatch: pytest.MonkeyPatch, step: str, when: str, fails_again: bool
) -> None:
    """A retry may begin between any two steps of the cleanup; its objects are kept."""
    pipeline = _failed(world, "hear", subject="1")
    world.advance(world.context.policy.keep_failed_seconds + 60)
    original: Callable[[Context, int], bool] = getattr(cleaning, step)

    def retried(context: Context, run_id: int) -> bool:
        if when == "before":
            _begin_again(world, pipeline, fails_again=fails_again)
            return original(context, run_id)
        discarded = original(context, run_id)
        _begin_again(world, pipeline, fails_again=fails_again)
        return discarded

    with monkeypatch.context() as patch:
        patch.setattr(cleaning, step, retried)
        cleaning.clean_up(world.context, world.run_of(pipeline).id)
    world.plan.hooks.clear()
    world.drain()
    if fails_again:
        assert world.history(pipeline).status == "failed"
        assert set(_retry(world, pipeline)) == {Outcome.DONE}
    assert world.history(pipeline).status == "completed"
    with world.context.session() as session:
        assert session.execute(select(Transcript.full_text)).scalar_one() == "0 1"
    sweep(world.context)
    assert len(world.objects()) == 2


def test_cleanup_waits_for_a_retry_that_is_being_queued(world: World) -> None:
    """It then sees that the run continues, and deletes none of the retry's inputs."""
    pipeline = _failed(world, "hear", subject="1")
    world.advance(world.context.policy.keep_failed_seconds + 60)
    kept, row_id = world.objects(), world.run_of(pipeline).id
    with a_rival(world.engine) as rival:
        with world.context.session() as session, session.begin():
            locked = lock_run(session, row_id)
            assert locked is not None
            assert reopen(session, locked, world.context.clock) == 1
            cleaned = rival.meet(lambda: cleaning.clean_up(world.context, row_id))
        assert not cleaned.result()
    assert world.objects() == kept
    sweep(world.context, at_once=True)
    world.drain()
    assert world.history(pipeline).total_clips_created == 2
    assert [run.attempt for run in world.runs(pipeline, "split")] == [1]


def _begin_again(world: World, pipeline: str, *, fails_again: bool) -> None:
    """A retry whose first stages have run; all of them if it `fails_again`."""
    if fails_again:
        reject = Reject(NOISE, "It is only noise.")
        world.plan.hooks["hear"] = raising(reject, subject="1")
    assert world.retry(pipeline) > 0
    for run in world.runs(pipeline):
        if run.status == "queued":
            message = world.context.topology.messages[run.topic].model_validate(run.message)
            world.deliver(run.stage, message)
    if fails_again:
        world.drain()


def test_partial_run_keeps_no_temporary_object(world: World) -> None:
    """A retry of a partial run needs none; its cleanup resets nothing."""
    world.plan.hooks["cut"] = raising(Reject(BAD_CUT, "It cannot be cut."), subject="-1")
    pipeline = world.begin()
    world.run(pipeline)
    assert world.history(pipeline).status == "partial"
    assert len(world.objects()) == 1
    assert world.statuses(pipeline, "split") == ["completed"]
    world.plan.hooks.clear()
    assert set(_retry(world, pipeline)) == {Outcome.DONE}
    assert world.deliver("split", probed(pipeline)) is Outcome.DUPLICATE
    assert len(world.objects()) == 2
