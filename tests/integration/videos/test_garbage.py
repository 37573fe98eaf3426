"""Garbage collection deletes unnamed objects after the grace period, and nothing else."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from shared.db.models import Clip, Moment, Run, StageRun, Thumbnail, Video
from shared.domain.names import clip_url, slice_url, thumbnail_url
from shared.videos import garbage as collecting
from shared.videos.garbage import collect, find_garbage
from tests.support.pipelines.pipelines import World

VIDEO = "talk-0123456789"
MOMENT = "0123456789abcdef"
OTHER = "fedcba9876543210"
DAY = 86_400.0


def attempt(token: str = "aaaaaaaaaa", plan: str = "01234567") -> str:
    """The part of a name that belongs to an attempt."""
    return f"{plan}-01-{token}"


def put(world: World, url: str, *, age_seconds: float = 2 * DAY) -> str:
    """Put an object of that age. Returns its URL."""
    path = Path(url.removeprefix("file://"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"bytes")
    then = time.time() - age_seconds
    os.utime(path, (then, then))
    return world.storage.stat(url).url


def run_of(world: World, status: str = "completed") -> str:
    """A run of a video, named like a real one."""
    begun = world.begin()
    name = f"pipeline:{VIDEO}:0123456789ab"
    with world.context.session() as session, session.begin():
        session.execute(update(Video).values(identifier=VIDEO))
        session.execute(
            update(Run)
            .where(Run.identifier == begun)
            .values(identifier=name, status=status, completed_at=world.context.clock.now())
        )
    return name


def with_clip(world: World, url: str, picture: str) -> None:
    """Add rows that name a clip and its thumbnail."""
    with world.context.session() as session, session.begin():
        video_id = session.execute(select(Video.id)).scalar_one()
        span = {"start_time": 1.0, "end_time": 2.0}
        moment = Moment(identifier=MOMENT, video_id=video_id, title="A moment", **span)
        session.add(moment)
        session.flush()
        clip = Clip(
            moment_id=moment.id,
            video_id=video_id,
            cloud_url=url,
            padding_left=0,
            padding_right=0,
            **span,
        )
        session.add(clip)
        session.flush()
        session.add(Thumbnail(clip_id=clip.id, cloud_url=picture))


def urls(world: World, **options: float) -> set[str]:
    """The URLs of the garbage."""
    return {garbage.url for garbage in find_garbage(world.context, **options)}


def test_garbage_is_objects_without_a_row(world: World) -> None:
    """A lost attempt's clip and thumbnail are garbage; named ones and young ones are not."""
    root = world.context.derived_url
    run_of(world)
    clip = put(world, clip_url(root, VIDEO, MOMENT, attempt(), "mp4"))
    picture = put(world, thumbnail_url(root, VIDEO, MOMENT, attempt()))
    with_clip(world, clip, picture)
    lost = {
        put(world, clip_url(root, VIDEO, MOMENT, attempt("bbbbbbbbbb"), "mp4")),
        put(world, clip_url(root, VIDEO, OTHER, attempt(), "m4a")),
        put(world, clip_url(root, "gone-0123456789", OTHER, attempt(), "mp4")),
        put(world, thumbnail_url(root, VIDEO, "video", attempt())),
    }
    young = put(world, clip_url(root, VIDEO, OTHER, attempt("cccccccccc"), "mp4"), age_seconds=60)
    before = world.objects()
    assert urls(world, grace_seconds=DAY) == lost
    assert urls(world, grace_seconds=0) == {*lost, young}
    assert world.objects() == before
    assert {garbage.url for garbage in collect(world.context, grace_seconds=DAY)} == lost
    assert world.objects() == before - lost
    assert urls(world, grace_seconds=DAY) == set()


@pytest.mark.parametrize(
    "name",
    [
        "notes.txt",
        "clips/readme.md",
        f"clips/{VIDEO}/{MOMENT}/best.mp4",
        f"clips/{VIDEO}/{MOMENT}/{attempt()}.mp4.bak",
        f"clips/{VIDEO}/{MOMENT}/deeper/{attempt()}.mp4",
        f"clips/{VIDEO}/{MOMENT[:-1]}/{attempt()}.mp4",
        f"clips/Talk-0123456789/{MOMENT}/{attempt()}.mp4",
        f"clips/mine/clips/{VIDEO}/{MOMENT}/{attempt()}.mp4",
        f"archive/clips/{VIDEO}/{MOMENT}/{attempt()}.mp4",
        f"thumbnails/{VIDEO}/video/{attempt()}.png",
        f"thumbnails/{VIDEO}/cover/{attempt()}.jpg",
        f"temporary/pipeline/{VIDEO}/0123456789ab/video/01-aaaaaaaaaa/00001.wav",
        "temporary/scratch.wav",
    ],
)
def test_garbage_never_includes_foreign_names(world: World, name: str) -> None:
    """Any name unlike ours stays, however old, even without a grace period."""
    url = put(world, f"{world.context.derived_url}/{name}", age_seconds=400 * DAY)
    assert list(collect(world.context, grace_seconds=0)) == []
    assert world.objects() == {url}


def test_garbage_never_includes_uploads(world: World) -> None:
    """Not even with names like those of clips."""
    url = put(world, clip_url(world.context.upload_url, VIDEO, MOMENT, attempt(), "mp4"))
    assert list(collect(world.context, grace_seconds=0)) == []
    assert world.storage.stat(url).size_bytes == 5


@pytest.mark.parametrize(
    ("status", "garbage"),
    [("running", False), ("failed", False), ("completed", True), ("superseded", True)],
)
def test_garbage_excludes_slices_that_a_run_may_need(
    world: World, status: str, *, garbage: bool
) -> None:
    """Slices of running and recently failed runs stay; those of others are garbage."""
    name = run_of(world, status)
    url = put(world, slice_url(world.context.derived_url, name, "01-aaaaaaaaaa", 3))
    assert urls(world, grace_seconds=DAY) == ({url} if garbage else set())


def test_garbage_includes_slices_of_deleted_and_expired_runs(world: World) -> None:
    """The run has no row, or failed longer ago than failed runs are kept."""
    root = world.context.derived_url
    gone = put(world, slice_url(root, "pipeline:gone-0123456789:0123456789ab", "01-aaaaaaaaaa", 0))
    kept = put(world, slice_url(root, run_of(world, "failed"), "01-aaaaaaaaaa", 0))
    assert urls(world, grace_seconds=DAY) == {gone}
    world.advance(world.context.policy.keep_failed_seconds + 60)
    assert urls(world, grace_seconds=DAY) == {gone, kept}


def test_garbage_excludes_objects_of_a_working_attempt(world: World) -> None:
    """Its row is still to come, even with an expired lease and no grace period."""
    run_of(world, "running")
    token = uuid.uuid4()
    with world.context.session() as session, session.begin():
        session.execute(
            update(StageRun).values(
                status="running", lease_token=token, lease_expires_at=world.context.clock.after(-60)
            )
        )
    root = world.context.derived_url
    at_work = put(world, clip_url(root, VIDEO, MOMENT, attempt(token.hex[:10]), "mp4"))
    other = put(world, clip_url(root, VIDEO, MOMENT, attempt("bbbbbbbbbb"), "mp4"))
    assert urls(world, grace_seconds=0) == {other}
    with world.context.session() as session, session.begin():
        session.execute(update(StageRun).values(status="queued", lease_token=None))
    assert urls(world, grace_seconds=0) == {at_work, other}


def test_garbage_is_found_in_every_batch(world: World) -> None:
    """Every object is looked at, however many there are."""
    root = world.context.derived_url
    for number in range(520):
        put(world, clip_url(root, VIDEO, f"{number:016x}", attempt(), "mp4"))
    assert sum(1 for _ in collect(world.context, grace_seconds=DAY)) == 520
    assert world.objects() == set()


def test_garbage_excludes_objects_committed_during_the_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leases are read first, so the row of an attempt that commits meanwhile is seen."""
    run_of(world, "running")
    token = uuid.uuid4()
    root = world.context.derived_url
    clip = put(world, clip_url(root, VIDEO, MOMENT, attempt(token.hex[:10]), "mp4"))
    with world.context.session() as session, session.begin():
        session.execute(update(StageRun).values(status="running", lease_token=token))
    read_tokens = collecting.held_tokens

    def finish_and_read(session: Session) -> set[str]:
        with_clip(world, clip, f"{root}/thumbnails/none.jpg")
        with world.context.session() as other, other.begin():
            other.execute(update(StageRun).values(status="completed", lease_token=None))
        return read_tokens(session)

    monkeypatch.setattr(collecting, "held_tokens", finish_and_read)
    assert urls(world, grace_seconds=0) == set()
