"""Number 13: the workers' surroundings fail for a while, then recover."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.db.engine import make_engine
from shared.errors import StorageUnavailable
from shared.storage.folder.store import FolderStorage
from tests.support.faults.recovery import failed_and_recovered
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld


class ShakyStorage(FolderStorage):
    """Refuses the first call of each kind, and many others, like an overloaded store."""

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

    def open(self, url: str, *, generation: str | None = None) -> Any:
        reader = super().open(url, generation=generation)
        read = reader.read

        def shaken(size: int | None = -1) -> bytes:
            self._shake("read", url)
            return read(size)

        setattr(reader, "read", shaken)  # noqa: B010 - a method in the place of a method
        return reader

    def local_path(self, url: str) -> Path | None:
        return None

    def list(self, prefix_url: str) -> Any:
        self._shake("list", prefix_url)
        return super().list(prefix_url)

    def delete(self, url: str, *, generation: str | None = None) -> bool:
        self._shake("delete", url)
        return super().delete(url, generation=generation)


@sizes(quick=3, full=100)
def test_runs_complete_when_the_store_answers_503_and_429(
    size: int, make_world: Callable[..., FaultWorld], tmp_path: Path, counts: Counts
) -> None:
    """Each operation of the store is refused now and then: recorded as transient, then success."""
    storage = ShakyStorage(tmp_path / "world-0" / "buckets")
    world = make_world(garbage=True, storage=storage, max_attempts=20)
    storage.chance, storage.share = random.Random(counts.seed), 0.08
    for _ in range(size):
        world.drop()
    world.settle(workers=1)
    storage.share = 0.0
    counts.faults.update({f"refused {name}": count for name, count in storage.refused.items()})
    assert {"stat", "read", "download", "upload", "list", "delete"} <= storage.refused.keys()
    assert len(failed_and_recovered(world)) > 2
    assert len(world.pipelines()) == size


@sizes(quick=1, full=25)
def test_deliveries_are_refused_and_return_when_the_pool_is_exhausted(
    size: int, make_world: Callable[..., FaultWorld], database_url: str, counts: Counts
) -> None:
    """Deliveries without a connection are refused and come again later."""
    engine = make_engine(database_url, pool_size=2)
    engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    world = make_world(engine=engine)
    held: list[Any] = []

    def hold(*facts: Any) -> None:
        # In the middle of a stage: neither its heartbeat nor its finish gets a connection.
        if not held:
            held.extend(engine.connect() for _ in range(2))

    for _ in range(size):
        refused = world.broker.outcomes["retry"]
        world.media.hooks["split"] = hold
        world.drop()
        world.broker.run(2, most=8)
        assert world.broker.outcomes["retry"] > refused
        counts.faults["no connection"] += world.broker.outcomes["retry"] - refused
        world.media.hooks.clear()
        while held:
            held.pop().close()
        world.settle(workers=2)
    assert failed_and_recovered(world) >= {"split_audio"}
