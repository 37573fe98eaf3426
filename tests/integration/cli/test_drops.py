"""What `run` puts into the upload bucket, and when it puts it there again."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.run.drops import drop
from shared.storage.folder.store import FolderStorage
from tests.support.pipelines.pipelines import World


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A film with subtitles beside it."""
    path = tmp_path / "talk.mp4"
    path.write_bytes(b"a film")
    path.with_suffix(".srt").write_text("one word")
    return path


def subtitles(world: World, film: Path) -> str:
    """The subtitles in the bucket, once the film was dropped."""
    kept = world.storage.local_path(drop(world.context, film).stat.url)
    assert kept is not None
    return kept.with_suffix(".srt").read_text()


def test_corrected_subtitles_of_the_same_size_are_taken(world: World, film: Path) -> None:
    """What lies beside the film is told apart by its content, not by its size alone."""
    assert subtitles(world, film) == "one word"
    film.with_suffix(".srt").write_text("two more")
    assert subtitles(world, film) == "two more"


def test_what_is_there_already_is_not_put_again(
    world: World, film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same film with the same subtitles is uploaded once, so that its results are found."""
    first = drop(world.context, film)
    monkeypatch.delattr(FolderStorage, "upload")
    again = drop(world.context, film)
    assert (again.stat, first.subtitles, again.subtitles) == (first.stat, ["talk.srt"], [])
