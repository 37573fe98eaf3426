"""The upload of a video and its subtitles by `run`, and when it uploads them again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.run.drops import drop
from shared.storage.folder.store import FolderStorage
from tests.support.pipelines.pipelines import World


@pytest.fixture
def video_file(tmp_path: Path) -> Path:
    """A video with subtitles beside it."""
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"a video")
    path.with_suffix(".srt").write_text("one word")
    return path


def uploaded_subtitles(world: World, video_file: Path) -> str:
    """The subtitles in the bucket after the video is dropped."""
    kept = world.storage.local_path(drop(world.context, video_file).stat.url)
    assert kept is not None
    return kept.with_suffix(".srt").read_text()


def test_drop_uploads_corrected_subtitles_of_the_same_size(world: World, video_file: Path) -> None:
    """Subtitles are compared by content, not by size alone."""
    assert uploaded_subtitles(world, video_file) == "one word"
    video_file.with_suffix(".srt").write_text("two more")
    assert uploaded_subtitles(world, video_file) == "two more"


def test_drop_uploads_nothing_when_the_bucket_has_the_same_files(
    world: World, video_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same video with the same subtitles is uploaded once, so its results are found again."""
    first = drop(world.context, video_file)
    monkeypatch.delattr(FolderStorage, "upload")
    again = drop(world.context, video_file)
    assert (again.stat, first.subtitles, again.subtitles) == (first.stat, ["talk.srt"], [])
