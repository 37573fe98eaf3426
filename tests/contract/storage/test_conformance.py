"""The contract of every object store: a folder, Cloud Storage, S3 with and without versions."""

from __future__ import annotations

import hashlib
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.errors import ObjectExists, ObjectMissing
from tests.support.storage.actions import put, read
from tests.support.storage.backends import PAGE_SIZE, Backend


def test_stat_equals_the_uploads_result(backend: Backend, tmp_path: Path) -> None:
    """Size, type, time and generation of an object are those that its upload returned."""
    made = put(backend, tmp_path, "talk.mp4", b"0123456789")
    found = backend.storage.stat(backend.url("talk.mp4"))
    assert (found.url, found.size_bytes) == (backend.url("talk.mp4"), 10)
    assert found.generation == made.generation
    assert found.content_type == made.content_type == "video/mp4"
    assert abs(found.updated_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_upload_keeps_the_given_content_type(backend: Backend, tmp_path: Path) -> None:
    """An object has the content type of its upload."""
    put(backend, tmp_path, "data.bin", b"x", content_type="video/x-odd")
    with backend.has("content types"):
        assert backend.storage.stat(backend.url("data.bin")).content_type == "video/x-odd"


def test_upload_accepts_an_empty_file(backend: Backend, tmp_path: Path) -> None:
    """An empty object can be stored, read and downloaded."""
    put(backend, tmp_path, "empty", b"")
    assert read(backend, "empty") == b""
    backend.storage.download(backend.url("empty"), tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b""


def test_reader_returns_the_bytes_of_any_range(backend: Backend, tmp_path: Path) -> None:
    """Seeks and reads anywhere return the bytes that a file would, also at and past the end."""
    data = os.urandom(300_000)
    put(backend, tmp_path, "ranges", data)
    with backend.storage.open(backend.url("ranges")) as reader:
        assert reader.seekable()
        assert reader.readable()
        for start, size in [(0, 1), (299_999, 10), (65_535, 3), (131_072, 70_000), (5, 0)]:
            assert reader.seek(start) == start
            got = bytearray()
            while len(got) < size and (piece := reader.read(size - len(got))):
                got += piece
            assert got == data[start : start + size]
        assert reader.seek(-5, os.SEEK_END) == 299_995
        assert reader.read() == data[-5:]
        assert reader.seek(400_000) == 400_000
        assert reader.read(10) == b""
    with pytest.raises(ValueError, match="closed"):
        reader.read(1)


def test_upload_only_if_absent_refuses_an_existing_object(backend: Backend, tmp_path: Path) -> None:
    """The second such upload fails and changes nothing."""
    put(backend, tmp_path, "once", b"first", only_if_absent=True)
    with pytest.raises(ObjectExists):
        put(backend, tmp_path, "once", b"second", only_if_absent=True)
    assert read(backend, "once") == b"first"


def test_upload_and_download_transfer_a_large_object(
    backend: Backend, tmp_path: Path, large_file: Path
) -> None:
    """64 MiB go up in pieces and come down whole, and their last range can be read alone."""
    url = backend.url("large.bin")
    made = backend.storage.upload(large_file, url)
    assert made.size_bytes == large_file.stat().st_size
    assert backend.storage.stat(url).generation == made.generation
    backend.storage.download(url, tmp_path / "got")
    assert _digest(tmp_path / "got") == _digest(large_file)
    with backend.storage.open(url) as reader:
        reader.seek(-100, os.SEEK_END)
        assert reader.read() == large_file.read_bytes()[-100:]


def test_upload_only_if_absent_refuses_an_existing_large_object(
    backend: Backend, tmp_path: Path, large_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload in pieces also leaves the existing object alone."""
    put(backend, tmp_path, "large.bin", b"first")
    monkeypatch.setattr(backend.storage, "refuse_existing", lambda url: None, raising=False)
    with backend.has("write preconditions"), pytest.raises(ObjectExists):
        backend.storage.upload(large_file, backend.url("large.bin"), only_if_absent=True)
    assert read(backend, "large.bin") == b"first"


def test_list_returns_objects_with_a_prefix_in_order(backend: Backend, tmp_path: Path) -> None:
    """A listing holds exactly the names with the prefix, ordered by UTF-8 bytes."""
    wanted = ["p/Z", "p/a", "p/a-b", "p/a.b", "p/ab/c", "p/b/1", "p/z", "p/é"]
    for name in [*reversed(wanted), "pp/a", "o/a"]:
        put(backend, tmp_path, name, name.encode())
    listed = list(backend.storage.list(backend.url("p/")))
    assert [s.url for s in listed] == [backend.url(n) for n in wanted]
    assert [s.size_bytes for s in listed] == [len(n.encode()) for n in wanted]
    assert [s.url for s in backend.storage.list(backend.url("p/a"))] == [
        backend.url(n) for n in ("p/a", "p/a-b", "p/a.b", "p/ab/c")
    ]
    assert list(backend.storage.list(backend.url("q"))) == []


def test_list_equals_stat_for_each_object(backend: Backend, tmp_path: Path) -> None:
    """Each object of a listing equals its `stat`."""
    put(backend, tmp_path, "talk.mp4", b"first")
    put(backend, tmp_path, "talk.mp4", b"second")
    (listed,) = backend.storage.list(backend.url(""))
    found = backend.storage.stat(backend.url("talk.mp4"))
    assert (listed.url, listed.size_bytes, listed.generation) == (found.url, 6, found.generation)
    with backend.has("content types in listings"):
        assert listed.content_type == found.content_type


def test_list_returns_each_object_once_over_many_pages(backend: Backend, tmp_path: Path) -> None:
    """A listing of more objects than a page holds has each of them once."""
    wanted = [f"many/{n:03}" for n in range(3 * PAGE_SIZE + 1)]
    for name in wanted:
        put(backend, tmp_path, name, b"")
    listed = [s.url for s in backend.storage.list(backend.url("many/"))]
    assert listed == [backend.url(n) for n in wanted]
    if backend.pages is not None:
        with backend.has("pages"):
            assert backend.pages(backend.bucket) == 4


def test_copy_makes_an_independent_object(backend: Backend, tmp_path: Path) -> None:
    """A copy has the same bytes and type, and does not change with its source."""
    put(backend, tmp_path, "a b/source.mp4", b"content")
    made = backend.storage.copy(backend.url("a b/source.mp4"), backend.url("c#d/target.mp4"))
    assert made == backend.storage.stat(backend.url("c#d/target.mp4"))
    assert made.content_type == "video/mp4"
    assert read(backend, "c#d/target.mp4") == b"content"
    put(backend, tmp_path, "a b/source.mp4", b"changed")
    assert read(backend, "c#d/target.mp4") == b"content"
    with pytest.raises(ObjectMissing):
        backend.storage.copy(backend.url("none"), backend.url("other"))


def test_delete_removes_an_object_and_its_name(backend: Backend, tmp_path: Path) -> None:
    """A second deletion is not an error, and the name can be used again."""
    put(backend, tmp_path, "d/gone", b"x")
    assert backend.storage.delete(backend.url("d/gone")) is True
    assert backend.storage.delete(backend.url("d/gone")) is False
    assert list(backend.storage.list(backend.url(""))) == []
    with pytest.raises(ObjectMissing):
        backend.storage.stat(backend.url("d/gone"))
    put(backend, tmp_path, "d/gone", b"back", only_if_absent=True)
    assert read(backend, "d/gone") == b"back"


def test_every_method_reports_a_missing_object(backend: Backend, tmp_path: Path) -> None:
    """Each method raises ObjectMissing and leaves no file behind."""
    url = backend.url("no/such")
    with pytest.raises(ObjectMissing):
        backend.storage.stat(url)
    with pytest.raises(ObjectMissing):
        backend.storage.open(url)
    with pytest.raises(ObjectMissing):
        backend.storage.open(url, generation="1")
    with pytest.raises(ObjectMissing):
        backend.storage.download(url, tmp_path / "got")
    assert list(tmp_path.glob("*got*")) == []
    assert backend.storage.local_path(url) is None


def test_local_path_is_the_file_of_a_folders_object(backend: Backend, tmp_path: Path) -> None:
    """Only a store whose objects are files has a path."""
    put(backend, tmp_path, "talk.mp4", b"here")
    path = backend.storage.local_path(backend.url("talk.mp4"))
    assert path is None if backend.scheme != "file" else path and path.read_bytes() == b"here"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
