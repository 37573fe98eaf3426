"""Number 13: what surrounds the workers fails for a while, and is well again."""

from __future__ import annotations

import random
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.db.engine import make_engine
from shared.errors import StorageUnavailable
from shared.media.process import Child
from shared.settings import Settings
from shared.storage.folder import FolderStorage
from tests.faults.report import Counts
from tests.faults.small_media import FixedSpeech, tiny_video, what_is_wrong
from tests.faults.world import FaultWorld

FEW_BYTES = 16 * 1024
TINY_CHILD_MIB = 48
ENOUGH_MIB = 4096


def _failed_and_recovered(world: FaultWorld) -> set[str]:
    """The stages of which an attempt failed; asserts that everything is completed by now."""
    assert {pipeline.status for pipeline in world.pipelines()} == {"completed"}
    assert {run.status for run in world.runs()} == {"completed"}
    return {run.stage for run in world.runs() if run.attempt > 1}


@pytest.fixture
def real_world(
    make_world: Callable[..., FaultWorld], monkeypatch: pytest.MonkeyPatch
) -> FaultWorld:
    """A world with real media, to which one tiny video is dropped."""
    return make_world(
        garbage=True, probe=what_is_wrong, real_media=True, speech=FixedSpeech, max_moments=1
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few pages, which only root can make."""
    folder = tmp_path / "small-disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={FEW_BYTES}", "tmpfs", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"no small file system can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk(
    real_world: FaultWorld, small_disk: Path, tmp_path: Path, counts: Counts
) -> None:
    """Real media work on a disk with no room is transient, never the file's fault."""
    world = real_world
    roomy = world.context.work_root
    tried: Counter[str] = Counter()

    def fill(stage: str) -> None:
        world.context.work_root = roomy if tried[stage] else small_disk
        tried[stage] += 1

    _before_each(world, fill)
    world.drop(content=tiny_video(tmp_path))
    world.settle(workers=1)
    assert not list(small_disk.iterdir())
    failed = _failed_and_recovered(world)
    counts.faults["full disk"] = len(failed)
    # Neither a probe nor a tiny picture needs room.
    assert failed >= {"split_audio", "transcribe_audio", "cut_clip"}


class ShakyStorage(FolderStorage):
    """Answers the first call of each kind, and many others, as a store that has too much to do."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.refused: Counter[str] = Counter()
        self.share = 0.0
        self.chance = random.Random()

    def _shake(self, operation: str, url: str) -> None:
        first = self.share > 0 and operation not in self.refused
        if first or self.chance.random() < self.share:
            self.refused[operation] += 1
            status = self.chance.choice([429, 503])
            raise StorageUnavailable(url, f"the store answers {status}, after all retries")

    def stat(self, url: str) -> Any:
        self._shake("stat", url)
        return super().stat(url)

    def download(self, url: str, path: Path, *, generation: str | None = None) -> Any:
        self._shake("download", url)
        return super().download(url, path, generation=generation)

    def upload(self, path: Path, url: str, **options: Any) -> Any:
        self._shake("upload", url)
        return super().upload(path, url, **options)

    def list(self, prefix_url: str) -> Any:
        self._shake("list", prefix_url)
        return super().list(prefix_url)

    def delete(self, url: str) -> bool:
        self._shake("delete", url)
        return super().delete(url)


def test_a_store_that_answers_503_and_429(
    make_world: Callable[..., FaultWorld], tmp_path: Path, counts: Counts
) -> None:
    """Every operation of the store refused now and then: recorded as transient, then success."""
    storage = ShakyStorage(tmp_path / "world-0" / "buckets")
    world = make_world(garbage=True, storage=storage, max_attempts=20)
    storage.chance, storage.share = random.Random(counts.seed), 0.15
    for _ in range(3):
        world.drop()
    world.settle(workers=1)
    storage.share = 0.0
    counts.faults.update({f"refused {name}": count for name, count in storage.refused.items()})
    assert {"stat", "download", "upload", "list", "delete"} <= storage.refused.keys()
    assert len(_failed_and_recovered(world)) > 2


def test_an_exhausted_pool(
    make_world: Callable[..., FaultWorld], database_url: str, counts: Counts
) -> None:
    """Deliveries that get no connection are refused, and come again when there are some."""
    engine = make_engine(database_url, pool_size=2)
    engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    world = make_world(engine=engine)
    held: list[Any] = []

    def hold(*facts: Any) -> None:
        # In the middle of a stage: neither its heartbeat nor its finish gets a connection.
        if not held:
            held.extend(engine.connect() for _ in range(2))

    world.media.hooks["split"] = hold
    world.drop()
    world.broker.run(2, most=8)
    assert world.broker.outcomes["retry"] > 0
    counts.faults["no connection"] = world.broker.outcomes["retry"]
    for connection in held:
        connection.close()
    world.settle(workers=2)
    assert _failed_and_recovered(world) >= {"split_audio"}


def test_a_child_without_memory(real_world: FaultWorld, tmp_path: Path, counts: Counts) -> None:
    """A media child that gets no memory is transient, whatever the stage; then success."""
    world = real_world
    settings = world.context.settings
    poor: Counter[str] = Counter()

    def allot(stage: str) -> None:
        memory = ENOUGH_MIB if poor[stage] else TINY_CHILD_MIB
        poor[stage] += 1
        values = {**settings.model_dump(), "child_memory_mib": memory}
        world.context.settings = Settings.model_construct(**values)

    _before_each(world, allot)
    world.drop(content=tiny_video(tmp_path))
    world.settle(workers=1)
    failed = _failed_and_recovered(world)
    counts.faults["no memory"] = len(failed)
    assert failed == {"probe_video", "split_audio", "cut_clip", "make_thumbnail"}
    assert all(run.attempt == 2 for run in world.runs() if run.stage in failed - {"make_thumbnail"})


def test_a_child_that_the_kernel_kills(
    real_world: FaultWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """SIGKILL out of the blue, as from the killer of processes when memory is out: tried again."""
    world = real_world
    enter = Child.__enter__
    now: list[str] = []
    killed: set[str] = set()

    def killing(child: Child) -> Child:
        entered = enter(child)
        if now[-1] not in killed:
            killed.add(now[-1])
            psutil.Process(child.pid).kill()
        return entered

    monkeypatch.setattr(Child, "__enter__", killing)
    _before_each(world, now.append)
    world.drop(content=tiny_video(tmp_path))
    world.settle(workers=1)
    counts.faults["killed child"] = len(killed)
    assert _failed_and_recovered(world) >= {"probe_video", "split_audio", "cut_clip"}


def _before_each(world: FaultWorld, then: Callable[[str], None]) -> None:
    """Call `then(function)` before each delivery."""
    endpoints = {
        spec.name.rpartition(".")[2]: endpoint for spec, endpoint in world.broker.subscriptions()
    }

    def carry(function: str) -> Any:
        def deliver(headers: Any, body: bytes) -> Any:
            then(function)
            return endpoints[function](headers, body)

        return deliver

    world.broker.reroute(carry)
