"""The watched bucket folder: a file is announced once, when it is complete."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest

from cli.dev.open_files import is_written_to
from cli.dev.watching import CONFIRM_SECONDS, Settling, Watcher
from shared.errors import PublishFailed
from shared.storage.folder.store import FolderStorage
from shared.storage.protocol import ObjectStat
from shared.storage.urls import folder_url
from tests.support.patience import PATIENCE_SECONDS

SETTLE = 0.4


def stat(name: str, generation: str = "1", size: int = 10) -> ObjectStat:
    """An object of a folder."""
    return ObjectStat(f"file:///b/{name}", size, generation, "video/mp4", datetime.now(UTC))


class Bucket:
    """A bucket folder and what was announced of it."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "buckets" / "uploads"
        self.folder.mkdir(parents=True)
        self.outside = root / "outside"
        self.outside.mkdir()
        self.storage = FolderStorage(root / "buckets")
        self.url = folder_url(root / "buckets", "uploads")
        self.announced: list[str] = []
        self.sizes: dict[str, int] = {}
        self.known: set[str] = set()
        self.now = 0.0
        self.broken = False

    def announce(self, found: ObjectStat) -> None:
        """Take note, or fail as a broker that is away."""
        if self.broken:
            raise PublishFailed("away")
        name = unquote(found.url.removeprefix(f"{self.url}/"))
        self.announced.append(name)
        self.sizes[name] = found.size_bytes

    def watcher(self, clock: Callable[[], float] = time.monotonic) -> Watcher:
        """Its watcher."""
        return Watcher(
            self.storage,
            self.url,
            self.folder,
            announce=self.announce,
            is_known=lambda found: found.generation in self.known,
            settle_seconds=SETTLE,
            rescan_seconds=1,
            clock=clock,
        )

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch meanwhile."""
        stop = threading.Event()
        thread = threading.Thread(target=self.watcher().run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()

    def until(self, count: int) -> list[str]:
        """What was announced, once it is that many."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.announced) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        # A little longer: another would be one too many.
        time.sleep(2 * SETTLE)
        return sorted(self.announced)


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    """An empty bucket."""
    return Bucket(tmp_path)


def test_settling() -> None:
    """A file is ripe when it was the same for the whole time, and only once for each version."""
    settling = Settling(2)
    assert settling.observe([stat("a", "1")], 0) == []
    assert settling.observe([stat("a", "2")], 1.5) == []
    assert settling.observe([stat("a", "2")], 3.4) == []
    assert settling.is_busy
    assert [one.generation for one in settling.observe([stat("a", "2")], 3.5)] == ["2"]
    assert settling.observe([stat("a", "2")], 9) == []
    assert not settling.is_busy
    settling.observe([stat("a", "3")], 10)
    assert [one.generation for one in settling.observe([stat("a", "3")], 12)] == ["3"]


def test_settling_of_what_goes_and_comes_back() -> None:
    """A file deleted and put there again is new; an empty one does not count as there."""
    settling = Settling(1)
    settling.observe([stat("a")], 0)
    assert settling.observe([stat("a")], 1)
    assert settling.observe([], 2) == []
    settling.observe([stat("a")], 3)
    assert settling.observe([stat("a")], 4)
    settling.observe([stat("b", size=0)], 5)
    assert settling.observe([stat("b", size=0)], 9) == []
    assert not settling.is_busy


def test_settling_with_subtitles() -> None:
    """A video waits for the subtitles beside it, which are complete later than itself."""
    settling = Settling(1)
    settling.observe([stat("talk.mp4")], 0)
    assert settling.observe([stat("talk.mp4"), stat("talk.srt", "1")], 1) == []
    assert settling.observe([stat("talk.mp4"), stat("talk.srt", "2")], 1.5) == []
    ripe = settling.observe([stat("talk.mp4"), stat("talk.srt", "2")], 2.5)
    assert [one.url[-4:] for one in ripe] == [".mp4", ".srt"]


def test_copied_slowly(bucket: Bucket) -> None:
    """A file that grows with pauses is announced once, whole, when its writer has closed it."""
    with bucket.watched():
        with (bucket.folder / "slow.mp4").open("wb") as file:
            for _ in range(4):
                file.write(b"x" * 1000)
                file.flush()
                # Longer than the settle time: only the open descriptor tells.
                time.sleep(1.5 * SETTLE)
            assert bucket.announced == []
        assert bucket.until(1) == ["slow.mp4"]
    assert bucket.sizes["slow.mp4"] == 4000


def test_renamed_in(bucket: Bucket) -> None:
    """A file is no object under its temporary name, and one event under its own."""
    part = bucket.folder / "talk.mp4.part"
    (bucket.outside / "old.mp4").write_bytes(b"x" * 50)
    os.utime(bucket.outside / "old.mp4", (1, 1))
    with bucket.watched():
        part.write_bytes(b"x" * 100)
        (bucket.outside / "old.mp4").rename(bucket.folder / "old.mp4")
        assert bucket.until(1) == ["old.mp4"]
        part.rename(bucket.folder / "talk.mp4")
        assert bucket.until(2) == ["old.mp4", "talk.mp4"]


def test_many_at_once(bucket: Bucket) -> None:
    """A folder full of files, copied in with its sub-folders, is one event each."""
    tree = bucket.outside / "course"
    names = [f"course/part {part}/lesson-{number:02d}.mp4" for part in "ab" for number in range(30)]
    for name in names:
        path = bucket.outside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    with bucket.watched():
        shutil.copytree(tree, bucket.folder / "course")
        assert bucket.until(len(names)) == names


def test_what_is_no_video(bucket: Bucket) -> None:
    """Subtitles, hidden and unfinished files are no events; an empty file is one once filled."""
    names = ("talk.srt", "talk.vtt", ".hidden.mp4", "a.tmp", "b.crdownload", "notes.txt")
    with bucket.watched():
        for name in names:
            (bucket.folder / name).write_bytes(b"x")
        (bucket.folder / ".git").mkdir()
        (bucket.folder / ".git" / "c.mp4").write_bytes(b"x")
        (bucket.folder / "later.mp4").touch()
        (bucket.folder / "talk.mp4").write_bytes(b"x")
        assert bucket.until(1) == ["talk.mp4"]
        (bucket.folder / "later.mp4").write_bytes(b"x")
        assert bucket.until(2) == ["later.mp4", "talk.mp4"]


def test_overwritten(bucket: Bucket) -> None:
    """Another content under the same name is another event."""
    with bucket.watched():
        (bucket.folder / "talk.mp4").write_bytes(b"first")
        assert bucket.until(1) == ["talk.mp4"]
        (bucket.folder / "talk.mp4").write_bytes(b"second, and longer")
        assert bucket.until(2) == ["talk.mp4", "talk.mp4"]


def test_dropped_while_nobody_watched(bucket: Bucket) -> None:
    """At the start, what has no video yet is announced, and what has one is not."""
    (bucket.folder / "new.mp4").write_bytes(b"new")
    (bucket.folder / "done.mp4").write_bytes(b"done")
    bucket.known = {bucket.storage.stat(f"{bucket.url}/done.mp4").generation}
    with bucket.watched():
        assert bucket.until(1) == ["new.mp4"]


def test_events_that_were_lost(bucket: Bucket) -> None:
    """What nobody knows of after a while is announced again, also after a failed publish."""
    watcher = bucket.watcher(lambda: bucket.now)
    (bucket.folder / "talk.mp4").write_bytes(b"x")
    watcher.look()
    bucket.now = 1
    bucket.broken = True
    with pytest.raises(PublishFailed):
        watcher.look()
    bucket.broken = False
    bucket.now += CONFIRM_SECONDS
    watcher.look()
    assert bucket.announced == ["talk.mp4"]
    bucket.now += CONFIRM_SECONDS
    watcher.look()
    assert bucket.announced == ["talk.mp4", "talk.mp4"]
    bucket.known = {bucket.storage.stat(f"{bucket.url}/talk.mp4").generation}
    for _ in range(3):
        bucket.now += CONFIRM_SECONDS
        watcher.look()
    assert bucket.announced == ["talk.mp4", "talk.mp4"]


def test_the_folder_is_deleted(bucket: Bucket) -> None:
    """The folder may be deleted meanwhile; what is dropped after that is seen all the same."""
    with bucket.watched():
        shutil.rmtree(bucket.folder)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not bucket.folder.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        (bucket.folder / "talk.mp4").write_bytes(b"x")
        assert bucket.until(1) == ["talk.mp4"]


def test_who_writes(tmp_path: Path) -> None:
    """A file is being written while it is open for writing, not while it is read."""
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with path.open("rb"):
        assert not is_written_to(path)
    with path.open("ab"):
        assert is_written_to(path)
    assert not is_written_to(path)
