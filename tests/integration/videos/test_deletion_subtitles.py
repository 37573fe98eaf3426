"""Subtitles that were uploaded beside a video, when that is deleted with its source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from functions.upkeep.sweep import sweep_all
from shared.storage.protocol import ObjectStat, Storage
from shared.videos import subtitle_files
from shared.videos.deletion import delete_video
from shared.videos.subtitle_files import own_subtitles
from tests.integration.videos.test_deletion import drop, uploads
from tests.integration.videos.test_deletion_resumed import interrupted
from tests.support.pipelines.pipelines import World


def put(world: World, tmp_path: Path, *names: str) -> None:
    """Objects of a few bytes in the upload bucket."""
    path = tmp_path / "beside"
    path.write_bytes(b"bytes")
    for name in names:
        world.storage.upload(path, f"{world.context.upload_url}/{name}")


def left(world: World) -> list[str]:
    """The names in the upload bucket."""
    return [url.removeprefix(f"{world.context.upload_url}/") for url in uploads(world)]


def test_subtitles_go_with_their_source_and_not_without_it(world: World, tmp_path: Path) -> None:
    """Those of its very name go when the upload is to go; what else lies there stays."""
    video = drop(world, tmp_path)
    put(
        world,
        tmp_path,
        "talk.srt",
        "talk.vtt",
        "talk.txt",
        "talk.en.srt",
        "talk2.srt",
        "a/talk.srt",
    )
    delete_video(world.context, video)
    assert len(left(world)) == 7
    deleted = delete_video(world.context, video, with_source=True)
    assert (deleted.source, deleted.subtitles) == (True, 2)
    assert left(world) == ["a/talk.srt", "talk.en.srt", "talk.txt", "talk2.srt"]


@pytest.mark.parametrize("other", ["talk.mov", "talk.MP3", "talk"])
def test_subtitles_that_another_video_may_have_stay(
    world: World, tmp_path: Path, other: str
) -> None:
    """Two videos of one name have the same subtitles beside them; the last of them takes them."""
    video = drop(world, tmp_path)
    put(world, tmp_path, "talk.srt", other)
    deleted = delete_video(world.context, video, with_source=True)
    assert (deleted.source, deleted.subtitles) == (True, 0)
    assert left(world) == sorted(["talk.srt", other])


def test_subtitles_of_a_newer_version_stay(world: World, tmp_path: Path) -> None:
    """What was overwritten since is another video, and they are its own."""
    older = drop(world, tmp_path, content=b"old")
    drop(world, tmp_path, content=b"new one")
    put(world, tmp_path, "talk.srt")
    assert delete_video(world.context, older, with_source=True).subtitles == 0
    assert left(world) == ["talk.mp4", "talk.srt"]


@pytest.mark.parametrize("step", ["_delete_source", "_end"])
def test_an_interrupted_deletion_takes_them_later(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Wherever it was interrupted, the sweep leaves neither source nor subtitles."""
    video = drop(world, tmp_path)
    put(world, tmp_path, "talk.srt")
    interrupted(world, video, step, monkeypatch)
    assert sweep_all(world.context).chores["deleted"] == 1
    assert left(world) == []


def test_killed_between_the_two_the_source_is_still_there(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Subtitles go first, so that the source, by which they are found, is never missing before."""
    video = drop(world, tmp_path)
    put(world, tmp_path, "talk.srt")
    delete = world.storage.delete

    def stops_at_the_source(url: str, **options: Any) -> bool:
        if url.endswith("/talk.mp4"):
            raise PermissionError("killed")
        return delete(url, **options)

    with monkeypatch.context() as here:
        here.setattr(world.storage, "delete", stops_at_the_source)
        with pytest.raises(PermissionError):
            delete_video(world.context, video, with_source=True)
    assert left(world) == ["talk.mp4"]
    assert delete_video(world.context, video, with_source=True).source
    assert left(world) == []


@pytest.mark.parametrize("name", ["talk.mp4", "talk.srt"])
def test_what_is_uploaded_anew_at_the_last_moment_stays(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Overwritten after it was looked at: the newer film, or newer subtitles, alone are kept."""
    video = drop(world, tmp_path)
    put(world, tmp_path, "talk.srt")

    def overwritten(storage: Storage, url: str) -> list[ObjectStat]:
        found = own_subtitles(storage, url)
        put(world, tmp_path, name)
        return found

    monkeypatch.setattr(subtitle_files, "own_subtitles", overwritten)
    assert delete_video(world.context, video, with_source=True).source == (name == "talk.srt")
    assert left(world) == [name]
