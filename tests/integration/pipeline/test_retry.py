"""A retry does again what failed, or what failed in one stage, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.repair.retry import reopen
from shared.db.models import Video
from shared.errors import Reject
from shared.pipeline.topology import TopologyError
from shared.pipeline.upkeep.retry import retry
from shared.settings.settings import Settings
from shared.videos.video_job import media_limits
from tests.support.error_codes import NOISE
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.plan import raising


def ended(world: World, *stages: str) -> str:
    """A pipeline that ended with failures in those stages, mended since."""
    for stage in stages:
        world.plan.hooks[stage] = raising(Reject(NOISE, "It is only noise."))
    pipeline = world.begin()
    world.run(pipeline)
    world.plan.hooks.clear()
    return pipeline


def attempts(world: World, pipeline: str) -> dict[str, list[int]]:
    """The attempts at each stage, and when each was completed."""
    found: dict[str, list[int]] = {}
    for run in world.runs(pipeline):
        found.setdefault(run.stage, []).append(run.attempt)
    return found


def test_only_the_stage_that_is_named_is_done_again(world: World) -> None:
    """Of two optional stages that failed, the other stays failed and the run partial."""
    world.plan.moments = 1
    world.plan.hooks["picture"] = raising(Reject(NOISE, "It is only noise."))
    pipeline = world.begin()
    world.run(pipeline)
    world.plan.hooks.clear()
    cut_before = [run.completed_at for run in world.runs(pipeline, "cut")]
    assert retry(world.context, pipeline, "cut") == 0
    assert world.history(pipeline).status == "partial"
    assert retry(world.context, pipeline, "picture") == 1
    assert retry(world.context, pipeline, "picture") == 0
    world.drain()
    assert world.history(pipeline).status == "completed"
    assert [run.completed_at for run in world.runs(pipeline, "cut")] == cut_before


def test_what_was_not_begun_is_begun_with_the_stage_that_is_named(world: World) -> None:
    """A required stage is retried alone, and all that waited for it follows."""
    pipeline = ended(world, "choose")
    assert world.history(pipeline).status == "failed"
    assert retry(world.context, pipeline, "choose") == 1
    world.drain()
    assert world.history(pipeline).status == "completed"
    assert attempts(world, pipeline) == {
        "split": [1],
        "hear": [1, 1],
        "choose": [1],
        "cut": [1, 1],
        "picture": [1, 1],
    }


def test_a_stage_that_is_not_enough_is_refused(world: World) -> None:
    """While a required stage stays failed, retrying an optional one could not help."""
    pipeline = ended(world, "cut")
    row = world.history(pipeline)
    with world.context.session() as session, session.begin():
        merged = session.merge(row)
        merged.status, merged.error_stage = "failed", "choose"
        for run in world.runs(pipeline, "choose"):
            session.merge(run).status = "failed"
    with pytest.raises(Reject) as raised:
        retry(world.context, pipeline, "cut")
    assert raised.value.code == "retry_not_enough"
    assert "choose" in raised.value.message
    assert world.history(pipeline).status == "failed"
    assert retry(world.context, pipeline) == 3


@pytest.mark.parametrize("status", ["running", "completed", "superseded", "source_gone"])
def test_a_run_that_a_retry_cannot_mend_is_left_alone(world: World, status: str) -> None:
    """Nothing is queued in a run that is at work, done, or about a file that is gone."""
    pipeline = ended(world, "cut")
    with world.context.session() as session, session.begin():
        session.merge(world.history(pipeline)).status = status
    assert retry(world.context, pipeline) == 0
    assert world.publisher.take() == []


@pytest.mark.parametrize("status", ["superseded", "source_gone"])
def test_of_a_file_that_is_gone_it_is_said(world: World, status: str) -> None:
    """The refusal names what helps, which is no retry."""
    pipeline = ended(world, "cut")
    with world.context.session() as session, session.begin():
        history = session.merge(world.history(pipeline))
        history.status = status
        video = session.get_one(Video, history.video_id).identifier
    with pytest.raises(Reject, match="was deleted or overwritten since"):
        reopen(world.context, video, None)


def test_an_unknown_stage_or_pipeline_is_said_to_be(world: World) -> None:
    """A stage that is none is an error; a pipeline that was deleted has nothing to retry."""
    pipeline = ended(world, "cut")
    with pytest.raises(TopologyError, match="no_stage"):
        retry(world.context, pipeline, "no_stage")
    assert retry(world.context, "pipeline:nobody") == 0


def test_the_ffmpeg_that_is_named_is_the_one_that_runs(world: World, tmp_path: Path) -> None:
    """The setting reaches the limits that every media child is started with."""

    assert media_limits(Settings(ffmpeg=tmp_path / "ffmpeg")).ffmpeg == str(tmp_path / "ffmpeg")
