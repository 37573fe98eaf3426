"""Number 13: the work disk or the bucket's disk is full for a while."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from shared.pipeline import runtime
from shared.pipeline.runtime import working_folder
from shared.storage.local_file import pour
from tests.support.faults.recovery import before_each, failed_and_recovered
from tests.support.faults.report import Counts, sizes
from tests.support.faults.small_media import tiny_video
from tests.support.faults.world import FaultWorld

FEW_BYTES = 16 * 1024
BUCKET_BYTES = 4 * 1024**2
# What real media work writes, by the names it writes it to.
WRITTEN = ("clip.mp4", "slice-00000.wav", "thumbnail.jpg")
# Neither a probe nor, in so small a file system, a tiny picture needs room.
NEED_ROOM = {"split_audio", "transcribe_audio", "cut_clip"}


@sizes(quick=1, full=20)
def test_media_work_is_transient_on_a_full_disk(
    size: int,
    mount: Callable[[Path, int], Path],
    real_world: FaultWorld,
    tmp_path: Path,
    counts: Counts,
) -> None:
    """Real media work on a full disk is transient, never the file's fault."""
    world = real_world
    small_disk = mount(tmp_path / "small-disk", FEW_BYTES)
    roomy = world.context.work_root
    tried: Counter[str] = Counter()

    def fill(stage: str) -> None:
        world.context.work_root = roomy if tried[stage] else small_disk
        tried[stage] += 1

    before_each(world, fill)
    for _ in range(size):
        tried.clear()
        world.drop(content=tiny_video(tmp_path))
        world.settle(workers=1)
    assert not list(small_disk.iterdir())
    assert failed_and_recovered(world) >= NEED_ROOM
    counts.faults["full disk"] = sum(run.attempt > 1 for run in world.runs())


def test_first_attempts_recover_when_every_output_is_a_full_device(
    real_world: FaultWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """The same without root: each output is the device that is always full."""
    world = real_world
    tried: Counter[str] = Counter()

    @contextmanager
    def made_full(folder: Path) -> Iterator[None]:
        with working_folder(folder):
            if tried[now[-1]] == 1:
                for name in WRITTEN:
                    (folder / name).symlink_to("/dev/full")
            yield

    now: list[str] = []

    def count(stage: str) -> None:
        now.append(stage)
        tried[stage] += 1

    monkeypatch.setattr(runtime, "working_folder", made_full)
    before_each(world, count)
    world.drop(content=tiny_video(tmp_path))
    world.settle(workers=1)
    failed = failed_and_recovered(world)
    counts.faults["full disk"] = len(failed)
    assert failed == {"split_audio", "cut_clip", "make_thumbnail"}
    assert Path("/dev/full").is_char_device()


def test_uploads_are_retried_when_the_bucket_is_full(
    mount: Callable[[Path, int], Path], real_world: FaultWorld, tmp_path: Path, counts: Counts
) -> None:
    """Uploads are tried again, and no half object is left."""
    world = real_world
    buckets = mount(world.folder / "buckets", BUCKET_BYTES)
    world.drop(content=tiny_video(tmp_path))
    _fill(buckets / "filler")
    # The probe, then what stores something, once or twice.
    world.broker.run(1, most=5)
    assert world.objects() == set()
    assert {run.error_code for run in world.runs("split_audio")} == {"disk_full"}
    assert not list((buckets / ".incoming").iterdir())
    (buckets / "filler").unlink()
    world.settle(workers=1)
    failed = failed_and_recovered(world)
    counts.faults["full disk"] = len(failed)
    assert failed == {"split_audio", "make_thumbnail"}


def _fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        for block in (b"0" * 65536, b"0" * 4096, b"0"):
            with suppress(OSError):
                while file.write(block):
                    pass


def test_first_uploads_recover_when_every_object_is_a_full_device(
    make_world: Callable[..., FaultWorld], monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """The same without root: uploads go to the full device first."""
    world = make_world()
    tried: Counter[str] = Counter()
    now: list[str] = [""]

    def pour_or_fail(source: Any, target: Any) -> None:
        tried[now[-1]] += 1
        if now[-1] and tried[now[-1]] == 1:
            target.write(source.read(1))
            with Path("/dev/full").open("wb", buffering=0) as full:
                full.write(b"0")
        pour(source, target)

    monkeypatch.setattr("shared.storage.folder.writer.pour", pour_or_fail)
    before_each(world, now.append)
    world.drop()
    world.settle(workers=1)
    failed = failed_and_recovered(world)
    counts.faults["full disk"] = len(failed)
    assert failed == {"split_audio", "cut_clip", "make_thumbnail"}
