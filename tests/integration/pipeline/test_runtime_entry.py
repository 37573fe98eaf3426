"""The start of a run: an outside message, for the first time and again."""

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


def test_drop_begins_one_run(world: World, tmp_path: Path) -> None:
    """Any number of events from any number of threads make one video and one run."""
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


def test_drop_accepts_a_name_that_is_not_text(world: World, tmp_path: Path) -> None:
    """File names may be any bytes; the title keeps the text in them."""
    assert world.deliver("begin", _drop(world, tmp_path, name="caf%E9 1.mp4")) is Outcome.DONE
    with world.context.session() as session:
        assert session.execute(select(Video.title)).scalar_one() == "caf\N{REPLACEMENT CHARACTER} 1"


def test_rejected_entry_is_recorded_without_a_run(world: World) -> None:
    """The ledger keeps one row for it, however often it comes."""
    message = VideoUploaded(source_url=f"{world.context.upload_url}/gone.mp4")
    for attempt in (1, 2):
        assert world.deliver("begin", message) is Outcome.REJECTED
        (row,) = _orphans(world)
        assert (row.stage, row.status, row.error_code) == ("begin", "failed", "source_gone")
        assert (row.subject, row.attempt) == (message.source_url, attempt)
        assert "gone.mp4" in (row.error_message or "")
    assert _count(world, PipelineHistory) == 0


def test_clashing_options_are_recorded_without_a_run(world: World, tmp_path: Path) -> None:
    """The row says how the options and settings clash."""
    message = _drop(world, tmp_path).model_copy(
        update={"options": Options(min_moment_length_seconds=100)}
    )
    assert world.deliver("begin", message) is Outcome.REJECTED
    (row,) = _orphans(world)
    assert row.error_code == "options_clash"


def test_entry_stage_that_rejects_fails_its_run(world: World, tmp_path: Path) -> None:
    """Once there is a run, it holds the failure."""
    world.plan.hooks["begin"] = raising(Reject(NOISE, "It is only noise."))
    assert world.deliver("begin", _drop(world, tmp_path)) is Outcome.REJECTED
    assert _orphans(world) == []
    with world.context.session() as session:
        history = session.execute(select(PipelineHistory)).scalar_one()
    assert (history.status, history.error_message) == ("failed", "It is only noise.")


@pytest.mark.parametrize("name", ["talk.srt", ".hidden.mp4", "empty.mp4"])
def test_drop_ignores_files_that_are_not_videos(world: World, tmp_path: Path, name: str) -> None:
    """Companions, hidden files and empty ones start nothing and fail nothing."""
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
