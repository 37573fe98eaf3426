"""The contract of every store: overwrites, and several writers and readers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shared.errors import ObjectChanged, ObjectExists, ObjectMissing
from tests.support.storage.actions import put, read
from tests.support.storage.backends import Backend


def test_generation_changes_with_every_overwrite(backend: Backend, tmp_path: Path) -> None:
    """Twenty overwrites of equal size have twenty generations, and listings show the last."""
    seen = [put(backend, tmp_path, "same", f"{n:04}".encode()).generation for n in range(20)]
    assert len(set(seen)) == 20
    assert [s.generation for s in backend.storage.list(backend.url("same"))] == seen[-1:]


def test_generation_changes_when_the_same_bytes_are_written_again(
    backend: Backend, tmp_path: Path
) -> None:
    """Writing the same bytes again gives another generation."""
    first = put(backend, tmp_path, "same", b"bytes").generation
    with backend.has("generations of equal bytes"):
        assert put(backend, tmp_path, "same", b"bytes").generation != first


def test_upload_only_if_absent_is_enforced_by_the_store(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The condition does not rest on our check before the upload."""
    put(backend, tmp_path, "once", b"first")
    monkeypatch.setattr(backend.storage, "refuse_existing", lambda url: None, raising=False)
    with backend.has("write preconditions"), pytest.raises(ObjectExists):
        put(backend, tmp_path, "once", b"second", only_if_absent=True)


def test_delete_refuses_another_generation(backend: Backend, tmp_path: Path) -> None:
    """An overwritten object stays and ObjectChanged is raised; a missing one returns False."""
    first = put(backend, tmp_path, "meant", b"first")
    second = put(backend, tmp_path, "meant", b"the second")
    with backend.has("write preconditions"), pytest.raises(ObjectChanged):
        backend.storage.delete(first.url, generation=first.generation)
    assert backend.storage.stat(second.url) == second
    assert backend.storage.delete(second.url, generation=second.generation)
    assert not backend.storage.delete(second.url, generation=second.generation)


def test_concurrent_uploads_leave_one_whole_object(backend: Backend, tmp_path: Path) -> None:
    """One of eight writers wins completely, and no reader sees a mixture."""
    contents = [bytes([65 + n]) * 200_000 for n in range(8)]
    files = [tmp_path / f"w{n}" for n in range(8)]
    for path, content in zip(files, contents, strict=True):
        path.write_bytes(content)
    url = backend.url("contended")
    backend.storage.upload(files[0], url)

    def look(_: int) -> bytes:
        try:
            return read(backend, "contended")
        except ObjectChanged:
            return contents[0]

    with ThreadPoolExecutor(12) as pool:
        writes = [pool.submit(backend.storage.upload, path, url) for path in files]
        looks = [pool.submit(look, n) for n in range(8)]
        made = {future.result().generation for future in writes}
        assert {future.result() for future in looks} <= set(contents)
    assert len(made) == 8
    assert read(backend, "contended") in contents
    assert backend.storage.stat(url).generation in made


def test_concurrent_uploads_only_if_absent_succeed_once(backend: Backend, tmp_path: Path) -> None:
    """One of eight such uploads succeeds, and its bytes are stored."""
    if "write preconditions" in backend.lacks:
        pytest.xfail(f"{backend.name} lacks write preconditions")
    files = [tmp_path / f"w{n}" for n in range(8)]
    for path in files:
        path.write_bytes(path.name.encode() * 10_000)

    def attempt(path: Path) -> Path | None:
        try:
            backend.storage.upload(path, backend.url("race"), only_if_absent=True)
        except ObjectExists:
            return None
        return path

    with ThreadPoolExecutor(8) as pool:
        (winner,) = [path for path in pool.map(attempt, files) if path]
    assert read(backend, "race") == winner.read_bytes()


def test_open_and_download_refuse_an_older_generation(backend: Backend, tmp_path: Path) -> None:
    """A pinned open or download raises ObjectChanged, and leaves no file."""
    old = put(backend, tmp_path, "talk", b"old bytes")
    new = put(backend, tmp_path, "talk", b"new bytes")
    with pytest.raises(ObjectChanged):
        backend.storage.open(backend.url("talk"), generation=old.generation)
    with pytest.raises(ObjectChanged):
        backend.storage.download(backend.url("talk"), tmp_path / "got", generation=old.generation)
    assert not (tmp_path / "got").exists()
    assert read(backend, "talk", new.generation) == b"new bytes"


def test_reader_never_mixes_bytes_when_the_object_is_overwritten(
    backend: Backend, tmp_path: Path
) -> None:
    """A reader opened before returns the old bytes to the end, or raises."""
    put(backend, tmp_path, "talk", b"o" * 1_000_000)
    with backend.storage.open(backend.url("talk")) as reader:
        got = reader.read(1000)
        put(backend, tmp_path, "talk", b"n" * 1_000_000)
        try:
            while piece := reader.read(100_000):
                got += piece
        except ObjectChanged:
            pass
        else:
            assert len(got) == 1_000_000
    assert set(got) == {ord("o")}


def test_reader_returns_bytes_or_raises_when_the_object_is_deleted(
    backend: Backend, tmp_path: Path
) -> None:
    """A reader of a deleted object returns its bytes, or raises ObjectMissing."""
    put(backend, tmp_path, "talk", b"o" * 1_000_000)
    with backend.storage.open(backend.url("talk")) as reader:
        got = reader.read(1000)
        backend.storage.delete(backend.url("talk"))
        try:
            while piece := reader.read(100_000):
                got += piece
        except ObjectMissing:
            pass
        else:
            assert len(got) == 1_000_000
    assert set(got) == {ord("o")}
