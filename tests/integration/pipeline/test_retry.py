"""A retry repeats failed stages, or one failed stage, and nothing else."""

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
    """A run that ended with failures in those stages, which would succeed now."""
    for stage in stages:
        world.plan.hooks[stage] = raising(Reject(NOISE, "It is only noise."))
    pipeline = world.begin()
    world.run(pipeline)
    world.plan.hooks.clear()
    return pipeline


def attempts(world: World, pipeline: str) -> dict[str, list[int]]:
    """The attempts of each stage, with completion times."""
    found: dict[str, list[int]] = {}
    for run in world.runs(pipeline):
        found.setdefault(run.stage, []).append(run.attempt)
    return found


def test_retry_repeats_only_the_named_stage(world: World) -> None:
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


def test_retry_of_a_required_stage_starts_its_followers(world: World) -> None:
    """The required stage is retried, and everything that waited for it follows."""
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


def test_retry_refuses_an_optional_stage_when_a_required_one_failed(world: World) -> None:
    """Retrying it alone would not help."""
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
def test_retry_changes_nothing_when_it_cannot_help(world: World, status: str) -> None:
    """It queues nothing in a run that works, is completed, or lost its file."""
    pipeline = ended(world, "cut")
    with world.context.session() as session, session.begin():
        session.merge(world.history(pipeline)).status = status
    assert retry(world.context, pipeline) == 0
    assert world.publisher.take() == []


@pytest.mark.parametrize("status", ["superseded", "source_gone"])
def test_retry_says_what_helps_when_the_file_is_gone(world: World, status: str) -> None:
    """The refusal names the remedy, which is not a retry."""
    pipeline = ended(world, "cut")
    with world.context.session() as session, session.begin():
        history = session.merge(world.history(pipeline))
        history.status = status
        video = session.get_one(Video, history.video_id).identifier
    with pytest.raises(Reject, match="was deleted or overwritten since"):
        reopen(world.context, video, None)


def test_retry_reports_an_unknown_stage_or_run(world: World) -> None:
    """An unknown stage is an error; a deleted run has nothing to retry."""
    pipeline = ended(world, "cut")
    with pytest.raises(TopologyError, match="no_stage"):
        retry(world.context, pipeline, "no_stage")
    assert retry(world.context, "pipeline:nobody") == 0


def test_setting_of_ffmpeg_reaches_every_media_child(world: World, tmp_path: Path) -> None:
    """The setting is part of every child's limits."""

    assert media_limits(Settings(ffmpeg=tmp_path / "ffmpeg")).ffmpeg == str(tmp_path / "ffmpeg")
