"""Subtitles beside an uploaded video, when it is deleted with its source."""

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
    """Put objects of a few bytes into the upload bucket."""
    path = tmp_path / "beside"
    path.write_bytes(b"bytes")
    for name in names:
        world.storage.upload(path, f"{world.context.upload_url}/{name}")


def left(world: World) -> list[str]:
    """The names in the upload bucket."""
    return [url.removeprefix(f"{world.context.upload_url}/") for url in uploads(world)]


def test_delete_video_deletes_subtitles_with_their_source_only(
    world: World, tmp_path: Path
) -> None:
    """Subtitles with the video's name go with the upload; other objects stay."""
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
def test_delete_video_keeps_subtitles_of_another_video(
    world: World, tmp_path: Path, other: str
) -> None:
    """Two videos of one name share subtitles; the last of them takes them along."""
    video = drop(world, tmp_path)
    put(world, tmp_path, "talk.srt", other)
    deleted = delete_video(world.context, video, with_source=True)
    assert (deleted.source, deleted.subtitles) == (True, 0)
    assert left(world) == sorted(["talk.srt", other])


def test_delete_video_keeps_subtitles_of_a_newer_version(world: World, tmp_path: Path) -> None:
    """The newer version is another video, and the subtitles are its own."""
    older = drop(world, tmp_path, content=b"old")
    drop(world, tmp_path, content=b"new one")
    put(world, tmp_path, "talk.srt")
    assert delete_video(world.context, older, with_source=True).subtitles == 0
    assert left(world) == ["talk.mp4", "talk.srt"]


@pytest.mark.parametrize("step", ["delete_source", "end_deletion"])
def test_sweep_deletes_subtitles_of_an_interrupted_deletion(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """From any step, the sweep leaves neither source nor subtitles."""
    video = drop(world, tmp_path)
    put(world, tmp_path, "talk.srt")
    interrupted(world, video, step, monkeypatch)
    assert sweep_all(world.context).chores["deleted"] == 1
    assert left(world) == []


def test_delete_video_deletes_subtitles_before_their_source(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a kill between the two, the source is there to find the subtitles by."""
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
def test_delete_video_keeps_a_file_overwritten_at_the_last_moment(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Overwritten after the look: the newer video or subtitles stay."""
    video = drop(world, tmp_path)
    put(world, tmp_path, "talk.srt")

    def overwritten(storage: Storage, url: str) -> list[ObjectStat]:
        found = own_subtitles(storage, url)
        put(world, tmp_path, name)
        return found

    monkeypatch.setattr(subtitle_files, "own_subtitles", overwritten)
    assert delete_video(world.context, video, with_source=True).source == (name == "talk.srt")
    assert left(world) == [name]
