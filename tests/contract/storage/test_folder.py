"""What the folder does beyond what all stores do: it shares its files with other programs."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.errors import ObjectChanged, ObjectMissing, Reject
from shared.storage.folder.store import FolderStorage
from shared.storage.urls import folder_url


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The bucket folder."""
    (tmp_path / "buckets" / "uploads").mkdir(parents=True)
    return tmp_path / "buckets"


@pytest.fixture
def storage(root: Path) -> Iterator[FolderStorage]:
    """The store of that folder."""
    store = FolderStorage(root)
    yield store
    store.close()


def listed(storage: FolderStorage, root: Path) -> list[str]:
    """What is in the bucket, by the end of its URLs."""
    start = folder_url(root, "uploads") + "/"
    return [stat.url.removeprefix(start) for stat in storage.list(start)]


def test_a_dropped_file_is_an_object(storage: FolderStorage, root: Path) -> None:
    """A file that somebody copied in is listed and read under its own name."""
    path = root / "uploads" / "My talk (1) #2 100%.mp4"
    path.write_bytes(b"talk")
    (stat,) = storage.list(folder_url(root, "uploads") + "/")
    assert stat.url == path.as_uri()
    assert storage.stat(stat.url) == stat
    assert storage.local_path(stat.url) == path


def test_a_dropped_file_of_no_valid_unicode(storage: FolderStorage, root: Path) -> None:
    """Even a name that is no UTF-8 has a URL of plain ASCII that leads to it."""
    path = os.fsencode(root / "uploads") + b"/caf\xe9.mp4"
    Path(os.fsdecode(path)).write_bytes(b"talk")
    (stat,) = storage.list(folder_url(root, "uploads"))
    assert stat.url.endswith("/caf%E9.mp4")
    assert storage.stat(stat.url).size_bytes == 4


def test_what_is_no_object(storage: FolderStorage, root: Path) -> None:
    """Hidden and unfinished files, pipes, broken links and what we are writing are not listed."""
    bucket = root / "uploads"
    for name in (".hidden", "a.part", "b.TMP", "c.crdownload", "=~not ours"):
        (bucket / name).write_bytes(b"x")
    (bucket / ".folder").mkdir()
    (bucket / ".folder" / "file").write_bytes(b"x")
    (bucket / "dangling").symlink_to(bucket / "nowhere")
    os.mkfifo(bucket / "pipe")
    assert listed(storage, root) == []
    with pytest.raises(ObjectMissing):
        storage.stat((bucket / "pipe").as_uri())


@pytest.mark.parametrize(
    "path",
    ["uploads/../../secret", "uploads/%2e%2e/%2E%2E/secret", "uploads/link", "uploads/out/secret"],
)
def test_nothing_outside_the_root_is_reached(
    storage: FolderStorage, root: Path, tmp_path: Path, path: str
) -> None:
    """Neither dots nor symbolic links lead out, to read, to write or to delete."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (root / "uploads" / "link").symlink_to(secret)
    (root / "uploads" / "out").symlink_to(tmp_path)
    url = f"{root.as_uri()}/{path}"
    with pytest.raises(ObjectMissing):
        storage.open(url)
    try:
        storage.delete(url)
        storage.upload(secret.with_name("buckets") / "uploads" / "nothing", url)
    except (ObjectMissing, FileNotFoundError):
        pass
    assert secret.read_bytes() == b"secret"
    assert "secret" not in listed(storage, root)
    assert "link" not in listed(storage, root)


@pytest.mark.parametrize("path", ["/etc/passwd", "{root}", "{root}/", "{root}/.incoming/x"])
def test_urls_that_name_no_object_here(storage: FolderStorage, root: Path, path: str) -> None:
    """A URL outside of the buckets is refused, and the message says where they are."""
    with pytest.raises(Reject, match="bucket folder"):
        storage.stat("file://" + path.format(root=root))


def test_a_link_within_the_root_is_followed(storage: FolderStorage, root: Path) -> None:
    """A symbolic link to another object is an object."""
    (root / "uploads" / "talk").write_bytes(b"talk")
    (root / "uploads" / "alias").symlink_to(root / "uploads" / "talk")
    assert listed(storage, root) == ["alias", "talk"]
    assert storage.stat((root / "uploads" / "alias").as_uri()).size_bytes == 4


def test_written_in_place_while_it_is_read(storage: FolderStorage, root: Path) -> None:
    """A program that rewrites the file itself, not its name, is noticed."""
    path = root / "uploads" / "talk"
    path.write_bytes(b"o" * 200_000)
    with storage.open(path.as_uri()) as reader:
        assert reader.read(10) == b"o" * 10
        with path.open("r+b") as file:
            file.write(b"n" * 200_000)
        os.utime(path, ns=(1, time.time_ns() + 10**9))
        with pytest.raises(ObjectChanged):
            reader.read(10)
        with pytest.raises(ObjectChanged):
            reader.readall()


def test_generations_when_the_clock_stands_still(
    storage: FolderStorage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overwrites of one size within one tick of the clock differ."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    source = tmp_path / "source"
    source.write_bytes(b"same")
    url = folder_url(root, "uploads") + "/talk"
    moments = {storage.upload(source, url).generation.split("-")[0] for _ in range(50)}
    assert len(moments) == 50


def test_what_a_killed_upload_left_is_removed(root: Path, tmp_path: Path) -> None:
    """What nobody holds goes at the next upload, of whatever age; what is being written stays."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    incoming = root / ".incoming"
    incoming.mkdir()
    (incoming / "abandoned").write_bytes(b"half")
    with (incoming / "under way").open("xb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        FolderStorage(root).upload(source, folder_url(root, "uploads") + "/talk")
        assert [path.name for path in incoming.iterdir()] == ["under way"]


def test_without_locks_what_is_left_goes_after_a_day(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file system knows no locks, files half written a day ago are abandoned."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    incoming = root / ".incoming"
    incoming.mkdir()
    for name, age in (("old", 90_000), ("young", 60)):
        (incoming / name).write_bytes(b"half")
        os.utime(incoming / name, (time.time() - age, time.time() - age))

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    FolderStorage(root).upload(source, folder_url(root, "uploads") + "/talk")
    assert [path.name for path in incoming.iterdir()] == ["young"]


def test_a_file_taken_for_abandoned_is_begun_anew(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Removed by another process before it was held: the upload is there all the same."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    lock = fcntl.flock
    removed: list[Path] = []

    def raced(file: int, how: int) -> None:
        if not removed:
            removed.extend((root / ".incoming").iterdir())
            removed[0].unlink()
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", raced)
    url = folder_url(root, "uploads") + "/talk"
    storage = FolderStorage(root)
    storage.upload(source, url)
    assert removed
    assert storage.stat(url).size_bytes == 1
    assert not list((root / ".incoming").iterdir())


def test_empty_folders_go_with_their_last_object(
    storage: FolderStorage, root: Path, tmp_path: Path
) -> None:
    """As in any object store, nothing of a name is left; the bucket stays."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    url = folder_url(root, "uploads") + "/a/b/c/talk"
    storage.upload(source, url)
    assert storage.delete(url)
    assert (root / "uploads").is_dir()
    assert list((root / "uploads").iterdir()) == []


def test_the_root_may_be_a_link(root: Path, tmp_path: Path) -> None:
    """URLs by either path of the root name the same object."""
    (tmp_path / "alias").symlink_to(root)
    (root / "uploads" / "talk").write_bytes(b"talk")
    storage = FolderStorage(tmp_path / "alias")
    by_alias = storage.stat(f"file://{tmp_path}/alias/uploads/talk")
    assert by_alias == storage.stat(f"file://localhost{root}/uploads/talk")
    assert by_alias.url == (root / "uploads" / "talk").as_uri()


@pytest.mark.parametrize("only_if_absent", [False, True])
def test_what_is_in_the_way_is_named(
    storage: FolderStorage, root: Path, only_if_absent: bool
) -> None:
    """A file where a folder is needed, and a folder where the file goes, are told by their path."""
    source = root / "uploads" / "a file"
    source.write_bytes(b"bytes")
    (root / "uploads" / "a folder" / "inside").mkdir(parents=True)
    start = folder_url(root, "uploads")
    for name, words in (
        ("a%20file/x/y.jpg", f"{source} is a file where a folder is needed. Move it away."),
        ("a%20folder", f"{root}/uploads/a folder is a folder where a file is to be written. "),
    ):
        with pytest.raises(Reject) as raised:
            storage.upload(source, f"{start}/{name}", only_if_absent=only_if_absent)
        assert raised.value.code == "object_name_taken"
        assert words in raised.value.message
    assert source.read_bytes() == b"bytes"
