"""What a run needed only while it ran, and how long a failed one keeps it."""

from __future__ import annotations

import pytest

from shared.errors import Reject
from shared.messaging.delivery import Outcome
from shared.pipeline import cleaning
from shared.pipeline.sweeping import sweep
from tests.integration.test_runtime_failures import raising
from tests.pipeline_stages import probed
from tests.pipelines import World


def _failed(world: World, stage: str, *, subject: str = "") -> str:
    """A pipeline that has failed there."""
    world.plan.hooks[stage] = raising(Reject("noise", "It is only noise."), subject=subject)
    pipeline = world.begin()
    world.run(pipeline)
    assert world.history(pipeline).status == "failed"
    world.plan.hooks.clear()
    return pipeline


def _retry(world: World, pipeline: str) -> list[Outcome]:
    assert world.retry(pipeline) > 0
    sweep(world.context, at_once=True)
    return world.drain()


def test_a_failed_run_keeps_what_a_retry_needs(world: World) -> None:
    """For as long as it is kept, a retry redoes what failed and nothing else."""
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
def test_what_is_not_kept_any_more_is_done_again(world: World, stage: str) -> None:
    """After the sweep took the temporary objects, a retry begins where they were made."""
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


def test_a_retry_during_the_clean_up_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Begun between any two steps of it, a retry completes, and the rest is cleaned up after it."""
    steps = ("_give_up_results", "_forget_results")
    for step in steps:
        pipeline = _failed(world, "hear", subject="1")
        world.advance(world.context.policy.keep_failed_seconds + 60)
        original = getattr(cleaning, step)

        def retried(context: object, pipeline_id: int) -> object:
            _begin_again(world, pipeline)  # noqa: B023 - called within this round
            return original(context, pipeline_id)  # noqa: B023

        with monkeypatch.context() as patch:
            patch.setattr(cleaning, step, retried)
            sweep(world.context)
        world.drain()
        assert world.history(pipeline).status == "completed"
    sweep(world.context)
    assert len(world.objects()) == 2 * len(steps)


def _begin_again(world: World, pipeline: str) -> None:
    """A retry, whose first stage has already been at work."""
    world.retry(pipeline)
    waiting = [run for run in world.runs(pipeline) if run.status == "queued"]
    for run in waiting:
        message = world.context.topology.messages[run.topic].model_validate(run.message)
        assert world.deliver(run.stage, message) is Outcome.DONE


def test_other_ends_keep_nothing(world: World) -> None:
    """A partial run needs no temporary object to be retried; its clean-up resets nothing."""
    world.plan.hooks["cut"] = raising(Reject("bad_cut", "It cannot be cut."), subject="-1")
    pipeline = world.begin()
    world.run(pipeline)
    assert world.history(pipeline).status == "partial"
    assert len(world.objects()) == 1
    assert world.statuses(pipeline, "split") == ["completed"]
    world.plan.hooks.clear()
    assert set(_retry(world, pipeline)) == {Outcome.DONE}
    assert world.deliver("split", probed(pipeline)) is Outcome.DUPLICATE
    assert len(world.objects()) == 2
