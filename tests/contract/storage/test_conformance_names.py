"""The contract of every store: odd names and long ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ObjectMissing, Reject
from tests.support.storage.actions import put, read
from tests.support.storage.backends import Backend

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
    ".hidden",
    "unfinished.part",
    "./here",
    "tab\there",
    "~tilde*[glob]{}",
    "@at:colon;v=1",
    "=~encoded~",
    "x" * 300,
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_store_keeps_an_odd_name(backend: Backend, tmp_path: Path, name: str) -> None:
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
        ("slashes that begin names", "/leading.mp4"),
    ],
)
def test_store_keeps_or_refuses_a_name_that_some_stores_lack(
    backend: Backend, tmp_path: Path, feature: str, name: str
) -> None:
    """Such a name is kept as it is or refused."""
    with backend.has(feature):
        put(backend, tmp_path, name, b"odd")
        assert read(backend, name) == b"odd"
        assert [s.url for s in backend.storage.list(backend.url(""))] == [backend.url(name)]
        backend.storage.copy(backend.url(name), backend.url("copy"))
        assert read(backend, "copy") == b"odd"
        assert backend.storage.delete(backend.url(name))


def test_store_keeps_a_name_that_begins_another(backend: Backend, tmp_path: Path) -> None:
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
def test_store_accepts_names_up_to_1024_bytes(backend: Backend, tmp_path: Path, name: str) -> None:
    """A name of 1024 bytes works; one more byte is refused."""
    assert len(name.encode()) == 1024
    put(backend, tmp_path, name, b"long")
    assert read(backend, name) == b"long"
    assert [s.url for s in backend.storage.list(backend.url(name[:900]))] == [backend.url(name)]
    with pytest.raises(Reject, match="1025 bytes"):
        put(backend, tmp_path, name + "x", b"longer")
