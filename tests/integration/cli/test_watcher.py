"""The watched bucket folder: each file is announced once, when it is complete."""

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
from cli.dev.watcher import CONFIRM_SECONDS, SettleCheck, Watcher
from shared.errors import PublishFailed
from shared.storage.folder.store import FolderStorage
from shared.storage.protocol import ObjectStat
from shared.storage.urls import folder_url
from tests.support.patience import PATIENCE_SECONDS

SETTLE = 0.4


def stat(name: str, generation: str = "1", size: int = 10) -> ObjectStat:
    """The state of an object in the folder."""
    return ObjectStat(f"file:///b/{name}", size, generation, "video/mp4", datetime.now(UTC))


class WatchedBucket:
    """A bucket folder and the objects announced from it."""

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
        """Record the object, or fail like a broker that is away."""
        if self.broken:
            raise PublishFailed("away")
        name = unquote(found.url.removeprefix(f"{self.url}/"))
        self.announced.append(name)
        self.sizes[name] = found.size_bytes

    def watcher(self, clock: Callable[[], float] = time.monotonic) -> Watcher:
        """A watcher of this folder."""
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
    def watching(self) -> Iterator[None]:
        """Watch the folder while the block runs."""
        stop = threading.Event()
        thread = threading.Thread(target=self.watcher().run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()

    def wait_for(self, count: int) -> list[str]:
        """The announced names, once there are `count` of them."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.announced) < count and time.monotonic() < deadline:
            time.sleep(0.02)
        # Wait a little longer, so that a surplus event would be seen.
        time.sleep(2 * SETTLE)
        return sorted(self.announced)


@pytest.fixture
def bucket(tmp_path: Path) -> WatchedBucket:
    """An empty bucket."""
    return WatchedBucket(tmp_path)


def test_settling_returns_a_file_once_it_stops_changing() -> None:
    """A file is ready after it stays the same for the settle time, once for each version."""
    settling = SettleCheck(2)
    assert settling.observe([stat("a", "1")], 0) == []
    assert settling.observe([stat("a", "2")], 1.5) == []
    assert settling.observe([stat("a", "2")], 3.4) == []
    assert settling.is_busy
    assert [one.generation for one in settling.observe([stat("a", "2")], 3.5)] == ["2"]
    assert settling.observe([stat("a", "2")], 9) == []
    assert not settling.is_busy
    settling.observe([stat("a", "3")], 10)
    assert [one.generation for one in settling.observe([stat("a", "3")], 12)] == ["3"]


def test_settling_returns_a_file_again_when_it_was_deleted_between() -> None:
    """A file that was deleted and put back is new; an empty file never settles."""
    settling = SettleCheck(1)
    settling.observe([stat("a")], 0)
    assert settling.observe([stat("a")], 1)
    assert settling.observe([], 2) == []
    settling.observe([stat("a")], 3)
    assert settling.observe([stat("a")], 4)
    settling.observe([stat("b", size=0)], 5)
    assert settling.observe([stat("b", size=0)], 9) == []
    assert not settling.is_busy


def test_settling_holds_a_video_until_its_subtitles_settle() -> None:
    """A video and the subtitles beside it are ready together."""
    settling = SettleCheck(1)
    settling.observe([stat("talk.mp4")], 0)
    assert settling.observe([stat("talk.mp4"), stat("talk.srt", "1")], 1) == []
    assert settling.observe([stat("talk.mp4"), stat("talk.srt", "2")], 1.5) == []
    ripe = settling.observe([stat("talk.mp4"), stat("talk.srt", "2")], 2.5)
    assert [one.url[-4:] for one in ripe] == [".mp4", ".srt"]


def test_watcher_announces_a_slowly_written_file_once_it_is_closed(bucket: WatchedBucket) -> None:
    """A file that grows with pauses is announced once, with its full size."""
    with bucket.watching():
        with (bucket.folder / "slow.mp4").open("wb") as file:
            for _ in range(4):
                file.write(b"x" * 1000)
                file.flush()
                # Longer than the settle time, so only the open descriptor shows the writer.
                time.sleep(1.5 * SETTLE)
            assert bucket.announced == []
        assert bucket.wait_for(1) == ["slow.mp4"]
    assert bucket.sizes["slow.mp4"] == 4000


def test_watcher_announces_a_renamed_file_under_its_final_name(bucket: WatchedBucket) -> None:
    """A file is not announced under its temporary name, and once under its own."""
    part = bucket.folder / "talk.mp4.part"
    (bucket.outside / "old.mp4").write_bytes(b"x" * 50)
    os.utime(bucket.outside / "old.mp4", (1, 1))
    with bucket.watching():
        part.write_bytes(b"x" * 100)
        (bucket.outside / "old.mp4").rename(bucket.folder / "old.mp4")
        assert bucket.wait_for(1) == ["old.mp4"]
        part.rename(bucket.folder / "talk.mp4")
        assert bucket.wait_for(2) == ["old.mp4", "talk.mp4"]


def test_watcher_announces_every_file_of_a_copied_folder_once(bucket: WatchedBucket) -> None:
    """A tree of files that is copied in gives one event for each file."""
    tree = bucket.outside / "course"
    names = [f"course/part {part}/lesson-{number:02d}.mp4" for part in "ab" for number in range(30)]
    for name in names:
        path = bucket.outside / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    with bucket.watching():
        shutil.copytree(tree, bucket.folder / "course")
        assert bucket.wait_for(len(names)) == names


def test_watcher_ignores_files_that_are_not_complete_videos(bucket: WatchedBucket) -> None:
    """Subtitles, hidden and partial files are ignored; an empty file is announced once filled."""
    names = ("talk.srt", "talk.vtt", ".hidden.mp4", "a.tmp", "b.crdownload", "notes.txt")
    with bucket.watching():
        for name in names:
            (bucket.folder / name).write_bytes(b"x")
        (bucket.folder / ".git").mkdir()
        (bucket.folder / ".git" / "c.mp4").write_bytes(b"x")
        (bucket.folder / "later.mp4").touch()
        (bucket.folder / "talk.mp4").write_bytes(b"x")
        assert bucket.wait_for(1) == ["talk.mp4"]
        (bucket.folder / "later.mp4").write_bytes(b"x")
        assert bucket.wait_for(2) == ["later.mp4", "talk.mp4"]


def test_watcher_announces_a_file_again_when_it_is_overwritten(bucket: WatchedBucket) -> None:
    """New content under the same name is another event."""
    with bucket.watching():
        (bucket.folder / "talk.mp4").write_bytes(b"first")
        assert bucket.wait_for(1) == ["talk.mp4"]
        (bucket.folder / "talk.mp4").write_bytes(b"second, and longer")
        assert bucket.wait_for(2) == ["talk.mp4", "talk.mp4"]


def test_watcher_announces_unknown_files_at_its_start(bucket: WatchedBucket) -> None:
    """A file without a video is announced at the start; a known one is not."""
    (bucket.folder / "new.mp4").write_bytes(b"new")
    (bucket.folder / "done.mp4").write_bytes(b"done")
    bucket.known = {bucket.storage.stat(f"{bucket.url}/done.mp4").generation}
    with bucket.watching():
        assert bucket.wait_for(1) == ["new.mp4"]


def test_watcher_announces_again_until_the_file_is_known(bucket: WatchedBucket) -> None:
    """A file that stays unknown is announced again, also after a failed publish."""
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


def test_watcher_survives_the_deletion_of_its_folder(bucket: WatchedBucket) -> None:
    """The folder comes back, and a file dropped into it is announced."""
    with bucket.watching():
        shutil.rmtree(bucket.folder)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not bucket.folder.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        (bucket.folder / "talk.mp4").write_bytes(b"x")
        assert bucket.wait_for(1) == ["talk.mp4"]


def test_is_written_to_is_true_only_while_a_writer_has_the_file_open(tmp_path: Path) -> None:
    """An open reader does not count as a writer."""
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with path.open("rb"):
        assert not is_written_to(path)
    with path.open("ab"):
        assert is_written_to(path)
    assert not is_written_to(path)
