"""Deletion and garbage collection on every kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from shared.db.models import Clip, PipelineHistory, Thumbnail, Video
from shared.domain.names import clip_url, slice_url, thumbnail_url
from shared.videos.deletion import delete_video
from shared.videos.garbage import collect, find_garbage
from tests.support.databases.rows import add_config, new_moment
from tests.support.pipelines.pipelines import World
from tests.support.storage.backends import Backend

VIDEO, OTHER = "talk-0123456789", "talk-0123456789-0123456789"
MOMENT = "0123456789abcdef"
ATTEMPT = "01234567-01-aaaaaaaaaa"


@pytest.fixture
def world(database_url: str, tmp_path: Path, backend: Backend) -> Iterator[World]:
    """The small pipeline on that store."""
    world = World(database_url, tmp_path)
    world.context.storage = backend.storage
    world.context.derived_url = backend.url("derived")
    yield world
    world.close()


def put(world: World, tmp_path: Path, *urls: str) -> None:
    """Write objects of a few bytes."""
    path = tmp_path / "bytes"
    path.write_bytes(b"bytes")
    for url in urls:
        world.context.storage.upload(path, url)


def left(world: World) -> set[str]:
    """The names that are stored."""
    return {stat.url for stat in world.context.storage.list(f"{world.context.derived_url}/")}


def named(world: World, video: str) -> tuple[str, str]:
    """Write rows of a video with one clip and its thumbnail; returns their URLs."""
    clip = clip_url(world.context.derived_url, video, MOMENT, ATTEMPT, "mp4")
    picture = thumbnail_url(world.context.derived_url, video, "video", ATTEMPT)
    with world.context.session() as session, session.begin():
        row = Video(identifier=video, cloud_url=f"{world.context.upload_url}/{video}.mp4")
        session.add(row)
        session.flush()
        moment = new_moment(row.id)
        session.add(moment)
        session.flush()
        span = {"start_time": 1.0, "end_time": 2.0, "padding_left": 0.0, "padding_right": 0.0}
        session.add(Clip(moment_id=moment.id, video_id=row.id, cloud_url=clip, **span))
        session.add(Thumbnail(video_id=row.id, cloud_url=picture))
    return clip, picture


def test_collection_deletes_garbage_and_keeps_results(world: World, tmp_path: Path) -> None:
    """Objects without a row are found and deleted; a dry run deletes nothing."""
    kept = named(world, VIDEO)
    root = world.context.derived_url
    lost = [
        clip_url(root, VIDEO, MOMENT, "01234567-02-bbbbbbbbbb", "mp4"),
        thumbnail_url(root, OTHER, MOMENT, ATTEMPT),
        slice_url(root, f"pipeline:{OTHER}:0123456789ab", "01-aaaaaaaaaa", 7),
    ]
    foreign = f"{root}/clips/{VIDEO}/{MOMENT}/mine.mp4"
    put(world, tmp_path, *kept, *lost, foreign)
    everything = left(world)
    assert list(find_garbage(world.context)) == []
    assert {found.url for found in find_garbage(world.context, grace_seconds=0)} == set(lost)
    assert left(world) == everything
    assert sum(1 for _ in collect(world.context, grace_seconds=0)) == 3
    assert left(world) == {*kept, foreign}


def test_deletion_keeps_a_video_whose_name_begins_alike(world: World, tmp_path: Path) -> None:
    """Folder names are compared completely, also if one name begins another."""
    gone, kept = named(world, VIDEO), named(world, OTHER)
    root = world.context.derived_url
    slices = [
        slice_url(root, f"pipeline:{video}:0123456789ab", "01-aaaaaaaaaa", 0)
        for video in (VIDEO, OTHER)
    ]
    put(world, tmp_path, *gone, *kept, *slices)
    with world.context.session() as session, session.begin():
        config = add_config(session)
        video_id = session.execute(select(Video.id).where(Video.identifier == VIDEO)).scalar_one()
        session.add(
            PipelineHistory(
                identifier=f"pipeline:{VIDEO}:0123456789ab",
                video_id=video_id,
                generation_config_id=config.id,
                pipeline_type="full",
                status="running",
                started_at=datetime.now(UTC),
            )
        )
    deleted = delete_video(world.context, VIDEO)
    assert (deleted.pipelines, deleted.objects) == (1, 3)
    assert left(world) == {*kept, slices[1]}
