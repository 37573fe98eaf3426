"""Failures: transient or permanent, in required and in optional stages."""

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


def test_transient_error_is_recorded_and_retried_after_its_backoff(world: World) -> None:
    """The ledger has code, message, attempt and backoff; stored objects are deleted."""
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


def test_last_attempt_of_a_required_stage_fails_the_run(world: World) -> None:
    """The message is acknowledged."""
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


def test_reject_fails_at_the_first_attempt(world: World) -> None:
    """Its code and message are those for the user."""
    world.plan.hooks["split"] = raising(Reject(TOO_LONG, "It is too long. Cut it."))
    pipeline = world.begin()
    assert world.deliver("split", probed(pipeline)) is Outcome.REJECTED
    (run,) = world.runs(pipeline)
    assert (run.status, run.error_code, run.attempt) == ("failed", "too_long", 1)
    assert world.history(pipeline).error_message == "It is too long. Cut it."


@pytest.mark.parametrize("failing", [1, 2])
def test_run_is_partial_when_an_optional_stage_fails(world: World, failing: int) -> None:
    """The totals count the existing results."""
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
def test_run_ends_when_its_source_is_gone(
    world: World, stage: str, error: Callable[[str], Reject], status: str
) -> None:
    """Even in an optional stage; queued work is neither started nor retried."""
    world.plan.hooks[stage] = raising(error("file:///a.mp4"))
    pipeline = world.begin()
    world.run(pipeline)
    history = world.history(pipeline)
    assert (history.status, history.error_stage) == (status, stage)
    assert "file:///a.mp4" in (history.error_message or "")
    assert {"failed"} <= set(world.statuses(pipeline, stage)) <= {"failed", "skipped"}
    assert world.objects() == set()


def test_message_emitted_into_a_failed_run_waits_for_a_retry(world: World) -> None:
    """A stage at work when the run fails publishes nothing; a retry publishes exactly that."""
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


def test_changed_derived_object_fails_its_stage_only(world: World) -> None:
    """It does not count as a new source."""
    world.plan.hooks["cut"] = raising(ObjectChanged("file:///clip.mp4", "1", "2"))
    pipeline = world.begin()
    world.run(pipeline)
    assert world.history(pipeline).status == "partial"
    assert {run.error_code for run in world.runs(pipeline, "cut")} == {"object_changed"}


def test_skipped_stage_lets_the_run_continue(world: World) -> None:
    """A fan-out of nothing completes the run."""
    world.plan.slices = world.plan.moments = 0
    pipeline = world.begin()
    assert world.run(pipeline) == [Outcome.DONE, Outcome.DONE]
    split, choose = world.runs(pipeline)
    assert (split.status, split.error_code) == ("skipped", "nothing_to_do")
    assert split.error_message == "There is nothing to hear."
    assert choose.status == "completed"
    history = world.history(pipeline)
    assert (history.status, history.total_moments_generated) == ("completed", 0)


def test_sibling_at_work_keeps_its_results_when_the_run_fails(world: World) -> None:
    """Its messages are not started and nothing joins; a retry repeats exactly the rest."""
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
