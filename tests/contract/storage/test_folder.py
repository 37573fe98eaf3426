"""The folder store shares its files with other programs."""

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
    """The store on that folder."""
    store = FolderStorage(root)
    yield store
    store.close()


def listed(storage: FolderStorage, root: Path) -> list[str]:
    """The names in the bucket, from the ends of the URLs."""
    start = folder_url(root, "uploads") + "/"
    return [stat.url.removeprefix(start) for stat in storage.list(start)]


def test_folder_lists_a_file_copied_in(storage: FolderStorage, root: Path) -> None:
    """A file that another program copied in is listed and read under its own name."""
    path = root / "uploads" / "My talk (1) #2 100%.mp4"
    path.write_bytes(b"talk")
    (stat,) = storage.list(folder_url(root, "uploads") + "/")
    assert stat.url == path.as_uri()
    assert storage.stat(stat.url) == stat
    assert storage.local_path(stat.url) == path


def test_folder_reads_a_name_that_is_not_utf8(storage: FolderStorage, root: Path) -> None:
    """A name that is not UTF-8 has a URL in ASCII that leads to its file."""
    path = os.fsencode(root / "uploads") + b"/caf\xe9.mp4"
    Path(os.fsdecode(path)).write_bytes(b"talk")
    (stat,) = storage.list(folder_url(root, "uploads"))
    assert stat.url.endswith("/caf%E9.mp4")
    assert storage.stat(stat.url).size_bytes == 4


def test_folder_does_not_list_files_that_are_not_objects(
    storage: FolderStorage, root: Path
) -> None:
    """Hidden or unfinished files, pipes, broken links and our partial files are not listed."""
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
def test_folder_never_leaves_its_root(
    storage: FolderStorage, root: Path, tmp_path: Path, path: str
) -> None:
    """Neither dots nor symbolic links lead out, for reading, writing or deleting."""
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
def test_folder_refuses_a_url_outside_its_buckets(
    storage: FolderStorage, root: Path, path: str
) -> None:
    """The message says where the buckets are."""
    with pytest.raises(Reject, match="bucket folder"):
        storage.stat("file://" + path.format(root=root))


def test_folder_follows_a_link_within_its_root(storage: FolderStorage, root: Path) -> None:
    """A symbolic link to another object is an object."""
    (root / "uploads" / "talk").write_bytes(b"talk")
    (root / "uploads" / "alias").symlink_to(root / "uploads" / "talk")
    assert listed(storage, root) == ["alias", "talk"]
    assert storage.stat((root / "uploads" / "alias").as_uri()).size_bytes == 4


def test_folder_reader_notices_a_file_rewritten_in_place(
    storage: FolderStorage, root: Path
) -> None:
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


def test_folder_generations_differ_within_one_clock_tick(
    storage: FolderStorage, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Overwrites of equal size within one tick of the clock have different generations."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    source = tmp_path / "source"
    source.write_bytes(b"same")
    url = folder_url(root, "uploads") + "/talk"
    moments = {storage.upload(source, url).generation.split("-")[0] for _ in range(50)}
    assert len(moments) == 50


def test_folder_removes_the_remains_of_a_killed_upload(root: Path, tmp_path: Path) -> None:
    """The next upload removes unlocked remains of any age, and keeps files being written."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    incoming = root / ".incoming"
    incoming.mkdir()
    (incoming / "abandoned").write_bytes(b"half")
    with (incoming / "under way").open("xb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        FolderStorage(root).upload(source, folder_url(root, "uploads") + "/talk")
        assert [path.name for path in incoming.iterdir()] == ["under way"]


def test_folder_removes_day_old_remains_when_locks_are_missing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without locks, partial files are abandoned after a day."""
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


def test_folder_restarts_an_upload_whose_file_was_removed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If another process removes the file before it is locked, the upload still succeeds."""
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


def test_folder_removes_empty_folders_with_their_last_object(
    storage: FolderStorage, root: Path, tmp_path: Path
) -> None:
    """As in any object store, no part of the name remains; the bucket stays."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    url = folder_url(root, "uploads") + "/a/b/c/talk"
    storage.upload(source, url)
    assert storage.delete(url)
    assert (root / "uploads").is_dir()
    assert list((root / "uploads").iterdir()) == []


def test_folder_accepts_a_link_as_its_root(root: Path, tmp_path: Path) -> None:
    """URLs by either path of the root name the same object."""
    (tmp_path / "alias").symlink_to(root)
    (root / "uploads" / "talk").write_bytes(b"talk")
    storage = FolderStorage(tmp_path / "alias")
    by_alias = storage.stat(f"file://{tmp_path}/alias/uploads/talk")
    assert by_alias == storage.stat(f"file://localhost{root}/uploads/talk")
    assert by_alias.url == (root / "uploads" / "talk").as_uri()


@pytest.mark.parametrize("only_if_absent", [False, True])
def test_folder_names_the_path_that_blocks_an_upload(
    storage: FolderStorage, root: Path, only_if_absent: bool
) -> None:
    """A file in place of a folder, or a folder in place of the file, is named by its path."""
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
