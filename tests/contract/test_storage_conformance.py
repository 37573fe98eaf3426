"""What every object store does, shown on each: a folder, Cloud Storage, S3 in both its modes."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.errors import ObjectChanged, ObjectExists, ObjectMissing, Reject
from shared.storage.protocol import ObjectStat
from tests.contract.storage_backends import PAGE_SIZE, Backend

ODD_NAMES = [
    "with space.mp4",
    "hash#tag?.mp4",
    "100%.mp4",
    "%41%2F.mp4",
    "ünï/日本語.mp4",
    "+plus&amp;=.mp4",
    "trailing.",
    "trailing/",
    "quote\"'.mp4",
    "back\\slash",
    "a//b.mp4",
    "/leading.mp4",
    ".hidden",
    "unfinished.part",
    "./here",
    "tab\there",
    "~tilde*[glob]{}",
    "@at:colon;v=1",
    "=~encoded~",
    "x" * 300,
]


def put(backend: Backend, folder: Path, name: str, data: bytes, **options: object) -> ObjectStat:
    """Upload these bytes."""
    path = folder / "to-upload"
    path.write_bytes(data)
    return backend.storage.upload(path, backend.url(name), **options)  # type: ignore[arg-type]


def read(backend: Backend, name: str, generation: str | None = None) -> bytes:
    """All bytes of the object."""
    with backend.storage.open(backend.url(name), generation=generation) as reader:
        return reader.read()


def test_stat_tells_what_was_uploaded(backend: Backend, tmp_path: Path) -> None:
    """Size, type, time and generation of an object are those its upload returned."""
    made = put(backend, tmp_path, "talk.mp4", b"0123456789")
    found = backend.storage.stat(backend.url("talk.mp4"))
    assert (found.url, found.size_bytes) == (backend.url("talk.mp4"), 10)
    assert found.generation == made.generation
    assert found.content_type == made.content_type == "video/mp4"
    assert abs(found.updated_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_a_given_content_type_is_kept(backend: Backend, tmp_path: Path) -> None:
    """An object has the content type that it was uploaded with."""
    put(backend, tmp_path, "data.bin", b"x", content_type="video/x-odd")
    with backend.has("content types"):
        assert backend.storage.stat(backend.url("data.bin")).content_type == "video/x-odd"


def test_an_empty_object_is_an_object(backend: Backend, tmp_path: Path) -> None:
    """Zero bytes can be stored, read and downloaded."""
    put(backend, tmp_path, "empty", b"")
    assert read(backend, "empty") == b""
    backend.storage.download(backend.url("empty"), tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == b""


def test_every_overwrite_changes_the_generation(backend: Backend, tmp_path: Path) -> None:
    """Twenty overwrites of one size have twenty generations, and listings tell the last."""
    seen = [put(backend, tmp_path, "same", f"{n:04}".encode()).generation for n in range(20)]
    assert len(set(seen)) == 20
    assert [s.generation for s in backend.storage.list(backend.url("same"))] == seen[-1:]


def test_an_overwrite_with_equal_bytes_changes_the_generation(
    backend: Backend, tmp_path: Path
) -> None:
    """Even the same bytes are another generation when they are written again."""
    first = put(backend, tmp_path, "same", b"bytes").generation
    with backend.has("generations of equal bytes"):
        assert put(backend, tmp_path, "same", b"bytes").generation != first


def test_ranged_reads(backend: Backend, tmp_path: Path) -> None:
    """Seeks and reads anywhere give the bytes that a file would, also at and past the end."""
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


def test_upload_only_if_absent(backend: Backend, tmp_path: Path) -> None:
    """The second of two such uploads fails and changes nothing."""
    put(backend, tmp_path, "once", b"first", only_if_absent=True)
    with pytest.raises(ObjectExists):
        put(backend, tmp_path, "once", b"second", only_if_absent=True)
    assert read(backend, "once") == b"first"


def test_only_if_absent_is_enforced_by_the_store(
    backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not rest on our looking first."""
    put(backend, tmp_path, "once", b"first")
    monkeypatch.setattr(backend.storage, "_refuse_existing", lambda url: None, raising=False)
    with backend.has("write preconditions"), pytest.raises(ObjectExists):
        put(backend, tmp_path, "once", b"second", only_if_absent=True)


def test_a_large_object(backend: Backend, tmp_path: Path, large_file: Path) -> None:
    """64 MiB go up in pieces and come down whole, their last range read alone."""
    url = backend.url("large.bin")
    made = backend.storage.upload(large_file, url)
    assert made.size_bytes == large_file.stat().st_size
    assert backend.storage.stat(url).generation == made.generation
    backend.storage.download(url, tmp_path / "got")
    assert _digest(tmp_path / "got") == _digest(large_file)
    with backend.storage.open(url) as reader:
        reader.seek(-100, os.SEEK_END)
        assert reader.read() == large_file.read_bytes()[-100:]


def test_a_large_object_only_if_absent(
    backend: Backend, tmp_path: Path, large_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload in pieces, too, leaves what came before it alone."""
    put(backend, tmp_path, "large.bin", b"first")
    monkeypatch.setattr(backend.storage, "_refuse_existing", lambda url: None, raising=False)
    with backend.has("write preconditions"), pytest.raises(ObjectExists):
        backend.storage.upload(large_file, backend.url("large.bin"), only_if_absent=True)
    assert read(backend, "large.bin") == b"first"


def test_list_by_prefix(backend: Backend, tmp_path: Path) -> None:
    """A listing has what begins with the prefix, nothing else, in the order of UTF-8 bytes."""
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


def test_a_listing_tells_what_stat_tells(backend: Backend, tmp_path: Path) -> None:
    """Each object of a listing is as `stat` has it."""
    put(backend, tmp_path, "talk.mp4", b"first")
    put(backend, tmp_path, "talk.mp4", b"second")
    (listed,) = backend.storage.list(backend.url(""))
    found = backend.storage.stat(backend.url("talk.mp4"))
    assert (listed.url, listed.size_bytes, listed.generation) == (found.url, 6, found.generation)
    with backend.has("content types in listings"):
        assert listed.content_type == found.content_type


def test_a_listing_of_many_pages(backend: Backend, tmp_path: Path) -> None:
    """A listing of more objects than a page holds has each of them once."""
    wanted = [f"many/{n:03}" for n in range(3 * PAGE_SIZE + 1)]
    for name in wanted:
        put(backend, tmp_path, name, b"")
    listed = [s.url for s in backend.storage.list(backend.url("many/"))]
    assert listed == [backend.url(n) for n in wanted]
    if backend.pages is not None:
        with backend.has("pages"):
            assert backend.pages(backend.bucket) == 4


def test_copy(backend: Backend, tmp_path: Path) -> None:
    """A copy has the bytes and the type, and is an object of its own."""
    put(backend, tmp_path, "a b/source.mp4", b"content")
    made = backend.storage.copy(backend.url("a b/source.mp4"), backend.url("c#d/target.mp4"))
    assert made == backend.storage.stat(backend.url("c#d/target.mp4"))
    assert made.content_type == "video/mp4"
    assert read(backend, "c#d/target.mp4") == b"content"
    put(backend, tmp_path, "a b/source.mp4", b"changed")
    assert read(backend, "c#d/target.mp4") == b"content"
    with pytest.raises(ObjectMissing):
        backend.storage.copy(backend.url("none"), backend.url("other"))


def test_delete(backend: Backend, tmp_path: Path) -> None:
    """Deleting twice is no error; the object and its name are gone, and can come back."""
    put(backend, tmp_path, "d/gone", b"x")
    assert backend.storage.delete(backend.url("d/gone")) is True
    assert backend.storage.delete(backend.url("d/gone")) is False
    assert list(backend.storage.list(backend.url(""))) == []
    with pytest.raises(ObjectMissing):
        backend.storage.stat(backend.url("d/gone"))
    put(backend, tmp_path, "d/gone", b"back", only_if_absent=True)
    assert read(backend, "d/gone") == b"back"


def test_a_missing_object(backend: Backend, tmp_path: Path) -> None:
    """Whatever wants an object that is not there says so, and leaves no file behind."""
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


@pytest.mark.parametrize("name", ODD_NAMES)
def test_odd_names(backend: Backend, tmp_path: Path, name: str) -> None:
    """An odd name can be written, listed, read, copied and deleted, and stays as it is."""
    put(backend, tmp_path, name, b"odd")
    assert backend.storage.stat(backend.url(name)).url == backend.url(name)
    assert [s.url for s in backend.storage.list(backend.url(""))] == [backend.url(name)]
    assert [s.url for s in backend.storage.list(backend.url(name))] == [backend.url(name)]
    assert read(backend, name) == b"odd"
    backend.storage.copy(backend.url(name), backend.url(f"copy of {name}"))
    assert read(backend, f"copy of {name}") == b"odd"
    assert backend.storage.delete(backend.url(name))
    with pytest.raises(ObjectMissing):
        backend.storage.stat(backend.url(name))


@pytest.mark.parametrize(
    ("feature", "name"),
    [
        ("line breaks in names", "two\nlines"),
        ("dots within names", "dir/../up"),
        ("dots as name", ".."),
        ("dots as name", "."),
    ],
)
def test_names_that_not_every_store_takes(
    backend: Backend, tmp_path: Path, feature: str, name: str
) -> None:
    """Such a name is kept as it is, or not taken at all."""
    with backend.has(feature):
        put(backend, tmp_path, name, b"odd")
        assert read(backend, name) == b"odd"
        assert [s.url for s in backend.storage.list(backend.url(""))] == [backend.url(name)]


def test_a_name_that_begins_another(backend: Backend, tmp_path: Path) -> None:
    """`a` and `a/b` are two objects."""
    put(backend, tmp_path, "a", b"1")
    with backend.has("names that begin names"):
        put(backend, tmp_path, "a/b", b"2")
        assert (read(backend, "a"), read(backend, "a/b")) == (b"1", b"2")


@pytest.mark.parametrize(
    "name",
    ["k" * 1024, "é" * 512, ("folder/" * 147)[:1023] + "x", "a/" + "k" * 1022],
    ids=["one part", "non-ASCII", "folders", "a long part"],
)
def test_a_name_of_1024_bytes(backend: Backend, tmp_path: Path, name: str) -> None:
    """The longest name works; one byte more is refused."""
    assert len(name.encode()) == 1024
    put(backend, tmp_path, name, b"long")
    assert read(backend, name) == b"long"
    assert [s.url for s in backend.storage.list(backend.url(name[:900]))] == [backend.url(name)]
    with pytest.raises(Reject, match="1025 bytes"):
        put(backend, tmp_path, name + "x", b"longer")


def test_concurrent_writers(backend: Backend, tmp_path: Path) -> None:
    """Of eight writers at once, one wins whole; those who read meanwhile see nothing torn."""
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


def test_concurrent_writers_of_what_is_absent(backend: Backend, tmp_path: Path) -> None:
    """Of eight uploads only-if-absent at once, one succeeds, and its bytes are there."""
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


def test_overwritten_between_stat_and_read(backend: Backend, tmp_path: Path) -> None:
    """A pinned open or download of an older generation is refused, and no file is left."""
    old = put(backend, tmp_path, "talk", b"old bytes")
    new = put(backend, tmp_path, "talk", b"new bytes")
    with pytest.raises(ObjectChanged):
        backend.storage.open(backend.url("talk"), generation=old.generation)
    with pytest.raises(ObjectChanged):
        backend.storage.download(backend.url("talk"), tmp_path / "got", generation=old.generation)
    assert not (tmp_path / "got").exists()
    assert read(backend, "talk", new.generation) == b"new bytes"


def test_overwritten_while_it_is_read(backend: Backend, tmp_path: Path) -> None:
    """A reader opened before gives the old bytes to the end, or raises; never a mixture."""
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


def test_deleted_while_it_is_read(backend: Backend, tmp_path: Path) -> None:
    """A reader of an object deleted since gives its bytes, or says that it is gone."""
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


def test_local_path(backend: Backend, tmp_path: Path) -> None:
    """A store whose objects are files says where one lies; others have none."""
    put(backend, tmp_path, "talk.mp4", b"here")
    path = backend.storage.local_path(backend.url("talk.mp4"))
    assert path is None if backend.scheme != "file" else path and path.read_bytes() == b"here"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
