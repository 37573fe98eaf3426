"""What fails: for now or for good, in a stage the run needs or in one it can do without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.error_codes.videos import TOO_LONG
from shared.errors import ObjectChanged, Reject, SourceGone, SourceSuperseded
from shared.messages.base import Message
from shared.messages.transcripts import AudioSliced
from shared.messaging.delivery import Outcome
from shared.pipeline.job import Job
from shared.pipeline.upkeep.sweep import sweep
from tests.support.error_codes import BAD_CUT, NOISE
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.plan import raising
from tests.support.pipelines.stages import probed


def test_a_transient_error_is_recorded_and_tried_again_later(world: World) -> None:
    """Code, one line of message, attempt and backoff are in the ledger; what was stored is gone."""
    world.plan.hooks["split.finish"] = raising(OSError("the disk\nis \x00full"))
    pipeline = world.begin()
    base = world.context.policy.retry_base_seconds
    for attempt, backoff in ((1, base), (2, 2 * base)):
        assert world.deliver("split", probed(pipeline)) is Outcome.RETRY
        (run,) = world.runs(pipeline)
        assert (run.status, run.attempt, run.error_code) == ("queued", attempt, "transient")
        assert run.error_message == "OSError: the disk is full"
        assert (run.lease_token, run.lease_owner, run.lease_expires_at) == (None, None, None)
        waits = (run.available_at - run.updated_at).total_seconds()
        assert waits == pytest.approx(backoff, abs=1)
        assert world.objects() == set()
    assert world.history(pipeline).status == "running"
    world.plan.hooks.clear()
    assert world.deliver("split", probed(pipeline)) is Outcome.DONE
    (run,) = world.runs(pipeline, "split")
    assert (run.attempt, run.error_code, run.error_message) == (3, None, None)


def test_the_last_attempt_fails_the_run_for_good(world: World) -> None:
    """At the limit the message is acknowledged and a run that needs the stage has failed."""
    world.plan.hooks["split"] = raising(OSError("never"))
    pipeline = world.begin()
    limit = world.context.policy.max_attempts
    outcomes = [world.deliver("split", probed(pipeline)) for _ in range(limit + 1)]
    assert outcomes == [Outcome.RETRY] * (limit - 1) + [Outcome.REJECTED, Outcome.DUPLICATE]
    (run,) = world.runs(pipeline)
    assert (run.status, run.error_code, run.attempt) == ("failed", "attempts_exhausted", limit)
    assert run.metrics["last_error_code"] == "transient"
    history = world.history(pipeline)
    assert (history.status, history.error_stage) == ("failed", "split")
    assert history.error_message == "Gave up after 5 attempts. The last error: OSError: never"
    assert history.completed_at is not None


def test_a_reject_is_permanent_at_once(world: World) -> None:
    """The first attempt is the last, and its code and message are the user's."""
    world.plan.hooks["split"] = raising(Reject(TOO_LONG, "It is too long. Cut it."))
    pipeline = world.begin()
    assert world.deliver("split", probed(pipeline)) is Outcome.REJECTED
    (run,) = world.runs(pipeline)
    assert (run.status, run.error_code, run.attempt) == ("failed", "too_long", 1)
    assert world.history(pipeline).error_message == "It is too long. Cut it."


@pytest.mark.parametrize("failing", [1, 2])
def test_a_run_without_some_clips_is_partial(world: World, failing: int) -> None:
    """A stage the run can do without makes it partial; the totals count what is there."""
    subject = "" if failing == 2 else "-1"
    world.plan.hooks["cut"] = raising(Reject(BAD_CUT, "It cannot be cut."), subject=subject)
    pipeline = world.begin()
    world.run(pipeline)
    history = world.history(pipeline)
    assert (history.status, history.error_stage) == ("partial", "cut")
    more = "" if failing == 1 else " (and 1 more failed)"
    assert history.error_message == f"It cannot be cut.{more}"
    assert (history.total_clips_created or 0) == 2 - failing
    world.plan.hooks.clear()
    assert world.retry(pipeline) == failing
    sweep(world.context, at_once=True)
    assert len(world.drain()) == 2 * failing
    history = world.history(pipeline)
    assert (history.status, history.error_stage, history.error_message) == ("completed", None, None)
    assert history.total_clips_created == 2
    assert [run.attempt for run in world.runs(pipeline)] == [1] * 8


@pytest.mark.parametrize(
    ("stage", "error", "status"),
    [
        ("split", SourceGone, "source_gone"),
        ("cut", SourceGone, "source_gone"),
        ("cut", SourceSuperseded, "superseded"),
    ],
)
def test_a_source_that_is_no_longer_there_ends_the_run(
    world: World, stage: str, error: Callable[[str], Reject], status: str
) -> None:
    """Even where a stage may fail, the run ends; what was queued is not begun, nor tried again."""
    world.plan.hooks[stage] = raising(error("file:///a.mp4"))
    pipeline = world.begin()
    world.run(pipeline)
    history = world.history(pipeline)
    assert (history.status, history.error_stage) == (status, stage)
    assert "file:///a.mp4" in (history.error_message or "")
    assert {"failed"} <= set(world.statuses(pipeline, stage)) <= {"failed", "skipped"}
    assert world.objects() == set()


def test_what_is_emitted_into_a_failed_run_waits_for_its_retry(world: World) -> None:
    """A stage at work when the run fails emits nothing now; a retry brings back exactly that."""
    world.plan.slices = 0
    pipeline = world.begin()
    world.deliver("split", probed(pipeline))
    world.receive(world.publisher.take()[0])
    published = world.publisher.take()

    def cut(message: Message, job: Job) -> None:
        if message.subject.endswith("-1"):
            raise SourceGone("file:///a.mp4")
        assert world.receive(published[1]) == [Outcome.REJECTED]

    world.plan.hooks["cut"] = cut
    assert world.receive(published[0]) == [Outcome.DONE]
    assert world.publisher.take() == []
    (picture,) = world.runs(pipeline, "picture")
    assert (picture.status, picture.error_code) == ("skipped", "pipeline_failed")
    assert picture.completed_at is not None
    assert world.history(pipeline).status == "source_gone"
    world.plan.hooks.clear()
    assert world.retry(pipeline) == 2
    sweep(world.context, at_once=True)
    assert world.drain() == [Outcome.DONE] * 3
    assert world.history(pipeline).status == "completed"


def test_another_object_that_changed_is_no_new_source(world: World) -> None:
    """A file of ours that is not what it was fails its stage for good, and nothing else."""
    world.plan.hooks["cut"] = raising(ObjectChanged("file:///clip.mp4", "1", "2"))
    pipeline = world.begin()
    world.run(pipeline)
    assert world.history(pipeline).status == "partial"
    assert {run.error_code for run in world.runs(pipeline, "cut")} == {"object_changed"}


def test_nothing_to_do_is_no_failure(world: World) -> None:
    """A stage skipped with its reason lets the run go on; a fan-out of nothing completes it."""
    world.plan.slices = world.plan.moments = 0
    pipeline = world.begin()
    assert world.run(pipeline) == [Outcome.DONE, Outcome.DONE]
    split, choose = world.runs(pipeline)
    assert (split.status, split.error_code) == ("skipped", "nothing_to_do")
    assert split.error_message == "There is nothing to hear."
    assert choose.status == "completed"
    history = world.history(pipeline)
    assert (history.status, history.total_moments_generated) == ("completed", 0)


def test_a_sibling_at_work_while_the_run_fails_keeps_its_work(world: World) -> None:
    """What it emits is not begun, and nothing is joined; a retry brings exactly what is missing."""
    world.plan.slices = 3
    failing: dict[str, Any] = {"error": OSError("no")}

    def hear(message: AudioSliced, job: Job) -> None:
        if message.index == 0 and failing:
            fail_the_second()
        elif message.index == 1 and failing:
            raise Reject(NOISE, "It is only noise.")

    def fail_the_second() -> None:
        assert world.receive(second) == [Outcome.REJECTED]
        assert world.history(pipeline).status == "running"

    world.plan.hooks["hear"] = hear
    pipeline = world.begin()
    world.deliver("split", probed(pipeline))
    first, second, third = world.publisher.take()
    assert world.receive(first) == [Outcome.DONE]
    assert world.statuses(pipeline, "hear") == ["completed", "failed", "skipped"]
    assert world.runs(pipeline, "hear")[2].error_code == "pipeline_failed"
    assert world.history(pipeline).status == "failed"
    assert world.receive(third) == [Outcome.DUPLICATE]
    assert world.runs(pipeline, "choose") == []
    failing.clear()
    assert world.retry(pipeline) == 2
    assert world.history(pipeline).status == "running"
    sweep(world.context, at_once=True)
    world.drain()
    assert world.history(pipeline).status == "completed"
    assert [run.attempt for run in world.runs(pipeline, "hear")] == [1, 1, 1]
    assert len(world.objects()) == 2
