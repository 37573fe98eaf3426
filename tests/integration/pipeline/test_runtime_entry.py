"""Where a pipeline begins: the message of somebody outside, for the first time and again."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from shared.db.models import PipelineHistory, StageRun, Video
from shared.errors import Reject
from shared.messages.options import Options
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import Outcome
from shared.settings.settings import Settings
from tests.support.error_codes import NOISE
from tests.support.pipelines.pipelines import World, in_threads
from tests.support.pipelines.plan import raising


def _drop(
    world: World, tmp_path: Path, content: bytes = b"a video", name: str = "talk.mp4"
) -> VideoUploaded:
    path = tmp_path / "talk.mp4"
    path.write_bytes(content)
    stat = world.storage.upload(path, f"{world.context.upload_url}/{name}")
    return VideoUploaded(source_url=stat.url, generation=stat.generation)


def _count(world: World, table: type[PipelineHistory] | type[Video]) -> int:
    with world.context.session() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()


def _orphans(world: World) -> list[StageRun]:
    with world.context.session() as session:
        return list(session.execute(select(StageRun).where(StageRun.run_id.is_(None))).scalars())


def test_a_drop_begins_one_pipeline(world: World, tmp_path: Path) -> None:
    """However often and from however many threads it is told of, it is one video and one run."""
    message = _drop(world, tmp_path)
    outcomes = in_threads(*[lambda: world.deliver("begin", message)] * 6)
    assert outcomes.count(Outcome.DONE) == 1
    assert set(outcomes) <= {Outcome.DONE, Outcome.DUPLICATE, Outcome.BUSY}
    assert (_count(world, Video), _count(world, PipelineHistory)) == (1, 1)
    world.drain()
    assert world.deliver("begin", message) is Outcome.DUPLICATE
    with world.context.session() as session:
        statuses = list(session.execute(select(PipelineHistory.status)).scalars())
    assert statuses == ["completed"]


def test_a_name_that_is_no_text(world: World, tmp_path: Path) -> None:
    """On a disk any bytes are a name: the video runs, and its title is as much as is text."""
    assert world.deliver("begin", _drop(world, tmp_path, name="caf%E9 1.mp4")) is Outcome.DONE
    with world.context.session() as session:
        assert session.execute(select(Video.title)).scalar_one() == "caf\N{REPLACEMENT CHARACTER} 1"


def test_an_entry_rejected_before_its_pipeline_is_visible(world: World) -> None:
    """There is no run to fail: the ledger keeps it by itself, in one row however often it comes."""
    message = VideoUploaded(source_url=f"{world.context.upload_url}/gone.mp4")
    for attempt in (1, 2):
        assert world.deliver("begin", message) is Outcome.REJECTED
        (row,) = _orphans(world)
        assert (row.stage, row.status, row.error_code) == ("begin", "failed", "source_gone")
        assert (row.subject, row.attempt) == (message.source_url, attempt)
        assert "gone.mp4" in (row.error_message or "")
    assert _count(world, PipelineHistory) == 0


def test_options_that_clash_are_rejected_likewise(world: World, tmp_path: Path) -> None:
    """What was asked for does not fit the settings: recorded with what is wrong."""
    message = _drop(world, tmp_path).model_copy(
        update={"options": Options(min_moment_length_seconds=100)}
    )
    assert world.deliver("begin", message) is Outcome.REJECTED
    (row,) = _orphans(world)
    assert row.error_code == "options_clash"


def test_an_entry_rejected_by_its_work_fails_its_pipeline(world: World, tmp_path: Path) -> None:
    """Once there is a pipeline, that is where the failure stands."""
    world.plan.hooks["begin"] = raising(Reject(NOISE, "It is only noise."))
    assert world.deliver("begin", _drop(world, tmp_path)) is Outcome.REJECTED
    assert _orphans(world) == []
    with world.context.session() as session:
        history = session.execute(select(PipelineHistory)).scalar_one()
    assert (history.status, history.error_message) == ("failed", "It is only noise.")


@pytest.mark.parametrize("name", ["talk.srt", ".hidden.mp4", "empty.mp4"])
def test_what_is_no_video_is_ignored(world: World, tmp_path: Path, name: str) -> None:
    """Companions, hidden files and empty ones begin nothing and fail nothing."""
    path = tmp_path / "file"
    path.write_bytes(b"")
    url = f"{world.context.upload_url}/{name}"
    if name == "empty.mp4":
        world.storage.upload(path, url)
    assert world.deliver("begin", VideoUploaded(source_url=url)) is Outcome.IGNORED
    assert (_count(world, PipelineHistory), _orphans(world)) == (0, [])


def test_options_stay_as_admitted_when_the_settings_change(world: World, tmp_path: Path) -> None:
    """A run keeps the settings it was admitted with; a later deployment does not alter it."""
    seen: list[Options] = []
    world.plan.hooks["split"] = lambda message, job: seen.append(job.options)
    asked = Options(padding_left_seconds=1.5)
    message = _drop(world, tmp_path).model_copy(update={"options": asked})
    admitted = world.context.settings.resolve(asked)
    assert world.deliver("begin", message) is Outcome.DONE
    world.context.settings = Settings(padding_right_seconds=7, max_moments=2)
    world.drain()
    assert seen == [admitted]
