"""Number 14: videos are deleted and garbage is collected in the middle of a storm."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable

import pytest
from sqlalchemy import select

from shared.db.models import Video
from shared.messages.videos import VideoUploaded
from shared.videos.deletion import delete_video
from shared.videos.garbage import collect, find_garbage
from tests.support.faults.chaos import STORM
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld

WORKERS = 8
FOREIGN = ("readme.txt", "clips/readme.txt", "clips/talk/holiday.mp4", "temporary/mine.wav")


class Deleter(threading.Thread):
    """Deletes videos at random and collects garbage without a grace period, while others work."""

    def __init__(self, world: FaultWorld, seed: int, deletions: int) -> None:
        super().__init__(daemon=True)
        self.deleted: set[str] = set()
        self.collected = 0
        self.error: BaseException | None = None
        self._world = world
        self._chance = random.Random(seed)
        self._deletions = deletions

    def run(self) -> None:
        """Run until the requested number is deleted."""
        try:
            while len(self.deleted) < self._deletions:
                self._delete_one()
                self.collected += sum(1 for _ in collect(self._world.context, grace_seconds=0))
                time.sleep(self._chance.uniform(0.0, 0.1))
        except BaseException as error:
            self.error = error

    def _delete_one(self) -> None:
        with self._world.context.session() as session:
            videos = sorted(session.execute(select(Video.identifier)).scalars())
        if videos:
            video = self._chance.choice(videos)
            delete_video(self._world.context, video)
            self.deleted.add(video)


@sizes(quick=8, full=500, minutes=60)
def test_deleted_videos_stay_deleted_in_a_storm(
    size: int,
    make_world: Callable[..., FaultWorld],
    counts: Counts,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Deleted videos stay deleted, all others complete, and foreign objects stay."""
    world = make_world(chaos=STORM, garbage=True)
    foreign = [f"{world.context.derived_url}/{name}" for name in FOREIGN]
    (world.folder / "mine").write_text("not made here\n")
    for url in foreign:
        world.files.upload(world.folder / "mine", url)
    urls = [world.drop() for _ in range(size)]
    sweeper = Deleter(world, counts.seed, deletions=size // 2)
    sweeper.start()
    while sweeper.is_alive():
        world.broker.run(WORKERS, until=time.monotonic() + 0.3)
        world.expire_leases()
        world.sweep_late()
    sweeper.join()
    assert sweeper.error is None
    for url in urls:
        # A drop's event that comes late brings no deleted video back.
        world.say(VideoUploaded(source_url=url))
    world.settle(workers=WORKERS)
    counts.faults["deletion under way"] = len(sweeper.deleted)
    counts.notes["collected meanwhile"] = sweeper.collected
    with world.context.session() as session:
        left = set(session.execute(select(Video.identifier)).scalars())
    assert not left & sweeper.deleted
    assert len(left) == size - len(sweeper.deleted)
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    named = world.objects()
    assert not [url for url in named if any(f"/{video}/" in url for video in sweeper.deleted)]
    assert set(foreign) <= named
    for url in foreign:
        world.files.delete(url)
    assert "40P01" not in caplog.text


def test_garbage_is_kept_in_a_dry_run_and_in_the_grace_period(
    make_world: Callable[..., FaultWorld],
) -> None:
    """A dry run deletes nothing, and the grace period keeps young objects."""
    world = make_world(garbage=True)
    world.drop()
    world.settle()
    (kept,) = [url for url in world.objects() if "/video/" in url]
    # As of a second attempt that was killed before it committed.
    lost = [kept.replace("-01-", "-02-")]
    world.files.copy(kept, lost[0])
    before = world.objects()
    assert [garbage.url for garbage in find_garbage(world.context, grace_seconds=0)] == lost
    assert list(collect(world.context, grace_seconds=3600)) == []
    assert world.objects() == before
    assert [garbage.url for garbage in collect(world.context, grace_seconds=0)] == lost
    assert world.objects() == before - set(lost)
