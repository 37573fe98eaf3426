"""URLs, names on disk, the ranged reader and the router, without a store."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Reject, SettingsError
from shared.storage.folder.disk_names import is_plain, to_name, to_path
from shared.storage.folder.store import FolderStorage
from shared.storage.gcs.store import GcsStorage
from shared.storage.protocol import ObjectStat
from shared.storage.ranged import RangeBody, RangedReader
from shared.storage.retries import RetryPolicy
from shared.storage.router import StorageRouter
from shared.storage.urls import check_name, folder_url, join_url, path_of, split_url

NAMES = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60
)
PARTS = st.sampled_from(["", ".", "..", "=~", "~", "+", "a", ".b", "c.part", "é" * 200, "=~a~"])
ODD = st.lists(PARTS, min_size=1, max_size=5).map("/".join)


@given(scheme=st.sampled_from(["gs", "s3", "file"]), name=NAMES | ODD)
def test_urls_split_and_join_any_name(scheme: str, name: str) -> None:
    """The URL of any name gives the name back."""
    bucket = "" if scheme == "file" else "bucket"
    url = join_url(scheme, bucket, name)
    assert split_url(url) == (scheme, bucket, name)
    assert join_url(*split_url(url)) == url


@given(name=NAMES | ODD)
def test_names_on_disk_are_unique_and_reversible(name: str) -> None:
    """Each name has a path of its own below its folder, and the path gives the name back."""
    path = to_path(name)
    assert to_name(path) == name
    for part in path.split("/"):
        assert part not in ("", ".", "..")
        assert not part.startswith(".")
        assert len(part.encode()) <= 255
    if all(is_plain(part) for part in name.split("/")):
        assert path == name


@given(path=st.lists(PARTS | st.just("=~a+"), min_size=1, max_size=4).map("/".join))
def test_paths_on_disk_belong_to_at_most_one_name(path: str) -> None:
    """A path either belongs to exactly the name that it gives, or gives none."""
    name = to_name(path)
    assert name is None or to_path(name) == path


def test_file_urls_equal_those_of_pathlib(tmp_path: Path) -> None:
    """They equal `Path.as_uri`, and lead back to the path."""
    path = tmp_path / "a b" / "c#d?%e é.mp4"
    assert join_url("file", "", str(path)[1:]) == path.as_uri()
    assert path_of(path.as_uri()) == path
    assert path_of("gs://bucket/name") is None
    assert folder_url(tmp_path, "a b") == (tmp_path / "a b").as_uri()


@pytest.mark.parametrize("url", ["", "talk.mp4", "gs://", "gs:///name", "file://host/name", "://x"])
def test_split_url_refuses_a_text_that_is_not_a_url(url: str) -> None:
    """A text without a bucket is refused, and the message quotes it."""
    with pytest.raises(Reject, match="Write"):
        split_url(url)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("gs://b/", "empty"),
        ("s3://b/a\0b", "NUL"),
        ("s3://b/" + "é" * 513, "1026 bytes"),
        ("s3://b/\udcff", "Unicode"),
        ("gs://b/a\nb", "line breaks"),
    ],
)
def test_check_name_refuses_a_name_that_no_object_can_have(url: str, fault: str) -> None:
    """The message describes the fault of the name."""
    with pytest.raises(Reject, match=fault):
        check_name(url, split_url(url).name)


class Memory:
    """An object in memory that answers in small chunks and records the requested ranges."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.asked: list[tuple[int, int]] = []

    @contextmanager
    def fetch(self, start: int, stop: int) -> Iterator[RangeBody]:
        assert 0 <= start < stop <= len(self.data)
        self.asked.append((start, stop))
        pieces = (self.data[at : min(at + 1000, stop)] for at in range(start, stop, 1000))
        yield RangeBody(start, pieces)


def reader_of(memory: Memory, block_bytes: int = 65_536) -> RangedReader:
    """The reader of that object."""
    stat = ObjectStat("gs://b/n", len(memory.data), "1", None, datetime.now(UTC))
    return RangedReader(memory, stat, RetryPolicy(1), block_bytes=block_bytes)


@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["seek", "skip", "read"]), st.integers(0, 5000)), max_size=30
    )
)
def test_ranged_reader_behaves_like_a_file(steps: list[tuple[str, int]]) -> None:
    """Any sequence of seeks and reads returns the same as on a file."""
    data = bytes(n * 7 % 251 for n in range(4000))
    file, reader = io.BytesIO(data), io.BufferedReader(reader_of(Memory(data), 100))
    for step, number in steps:
        if step == "read":
            assert reader.read(number) == file.read(number)
        else:
            whence = io.SEEK_SET if step == "seek" else io.SEEK_CUR
            assert reader.seek(number, whence) == file.seek(number, whence)


def test_ranged_reader_reads_ahead_in_proportion() -> None:
    """Windows grow up to 1 MiB, and stopping wastes at most an eighth or one block."""
    memory = Memory(bytes(40 << 20))
    for wanted in (1000, 500_000, 5_000_000, 30_000_000):
        memory.asked.clear()
        reader = reader_of(memory)
        reader.seek(12_345)
        left = wanted
        while left > 0:
            left -= len(reader.read(min(left, 4096)))
        assert reader.bytes_fetched - wanted <= max(65_536, wanted / 8 + 4096)
        assert max(stop - start for start, stop in memory.asked) <= 1 << 20
    assert len(memory.asked) < 70


def test_ranged_reader_keeps_the_windows_of_two_places() -> None:
    """Alternating between two places, as demuxers do, fetches each once."""
    memory = Memory(bytes(1 << 20))
    reader = reader_of(memory)
    for step in range(10):
        for base in (0, 500_000):
            reader.seek(base + step * 1000)
            reader.read(1000)
    assert memory.asked == [(0, 65_536), (500_000, 565_536)]


def test_router_makes_each_adapter_once_on_demand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sixteen threads at once get the same adapter, made at its first use."""
    router = StorageRouter(folder_root=tmp_path, gcs_endpoint="http://127.0.0.1:9")
    adapters: list[GcsStorage] = []

    def counted(**options: Any) -> GcsStorage:
        adapters.append(GcsStorage(**options))
        return adapters[-1]

    monkeypatch.setattr("shared.storage.gcs.store.GcsStorage", counted)
    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(lambda _: router.store_of("gs://b/n"), range(64)))
    assert len(made) == len(adapters) == 1
    assert isinstance(router.store_of(tmp_path.as_uri() + "/b/n"), FolderStorage)


def test_router_passes_each_method_to_the_adapter(tmp_path: Path) -> None:
    """Each method goes to the adapter of the URL's scheme."""
    router = StorageRouter(folder_root=tmp_path / "root")
    source, url = tmp_path / "source", folder_url(tmp_path / "root", "b") + "/talk.mp4"
    source.write_bytes(b"talk")
    made = router.upload(source, url, only_if_absent=True)
    assert router.stat(url) == made
    assert list(router.list(url)) == [made]
    with router.open(url, generation=made.generation) as reader:
        assert reader.read() == b"talk"
    router.copy(url, url + "2")
    assert router.download(url + "2", tmp_path / "got").size_bytes == 4
    assert router.local_path(url) == tmp_path / "root" / "b" / "talk.mp4"
    assert router.signed_read_url(url, expires_seconds=5).startswith("http://127.0.0.1:")
    assert router.delete(url)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [("ftp://host/name", "file://, gs://, s3://"), ("file:///x/b/n", "VIDEOMOMENTS_FOLDER_ROOT")],
)
def test_router_names_the_remedy_when_a_scheme_is_not_set_up(url: str, remedy: str) -> None:
    """The message names the known schemes or the missing setting."""
    with pytest.raises(SettingsError, match=remedy):
        StorageRouter().stat(url)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [("gs://b/n", "google.cloud.storage", "gcp"), ("s3://b/n", "boto3", "aws")],
)
def test_router_names_the_package_when_an_extra_is_missing(
    monkeypatch: pytest.MonkeyPatch, url: str, module: str, extra: str
) -> None:
    """The message gives the command that installs the extra."""
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError, match=rf"pip install 'videomoments\[{extra}\]'"):
        StorageRouter().stat(url)


def test_router_refuses_a_copy_between_stores(tmp_path: Path) -> None:
    """The copy is refused without an attempt."""
    router = StorageRouter(folder_root=tmp_path, gcs_endpoint="http://127.0.0.1:9")
    with pytest.raises(Reject, match="another store"):
        router.copy(tmp_path.as_uri() + "/b/n", "gs://b/n")
