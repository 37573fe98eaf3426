"""Objects for child processes: without names, readable in ranges, pinned to a generation."""

from __future__ import annotations

import http.client
import random
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from shared.errors import ObjectChanged, ObjectMissing
from shared.media.child.remote_file import RemoteFile
from shared.media.input import open_input
from shared.media.sandbox.loopback import parse_range
from tests.support.media.storage import RemoteStore

SIZE = 1_000_003


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A megabyte without repetition."""
    path = tmp_path / "content"
    path.write_bytes(random.Random(3).randbytes(SIZE))
    return path


@pytest.mark.parametrize(
    ("header", "span"),
    [
        (None, (0, 100)),
        ("bytes=0-", (0, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-200", (90, 100)),
        ("bytes=-5", (95, 100)),
        ("bytes=-500", (0, 100)),
        ("bytes=100-", None),
        ("bytes=-0", None),
        ("bytes=a-b", (0, 100)),
        ("bytes=-", (0, 100)),
        ("bytes=0-1,5-6", (0, 100)),
        ("lines=1-2", (0, 100)),
        ("bytes=²-", (0, 100)),
    ],
)
def test_range_header_is_read_by_rfc_9110(header: str | None, span: tuple[int, int] | None) -> None:
    """A satisfiable range is honoured; an unreadable header is ignored."""
    assert parse_range(header, 100) == span


def test_media_input_returns_the_objects_bytes_for_any_range(content: Path, tmp_path: Path) -> None:
    """Any sequence of seeks and reads returns the object's bytes."""
    store, truth, choose = RemoteStore(), content.read_bytes(), random.Random(5)
    url = store.put(content)
    with open_input(store, url, generation="1", workdir=tmp_path) as source:
        file = RemoteFile(source.location)
        assert file.size == SIZE
        for _ in range(200):
            start, size = choose.randrange(SIZE + 10), choose.choice([1, 100, 4096, 200_000])
            file.seek(start)
            piece = file.read(size)
            assert piece == truth[start : start + len(piece)]
            assert bool(piece) == (start < SIZE)


def test_media_input_fetches_each_byte_once_in_a_long_read(content: Path, tmp_path: Path) -> None:
    """Reading from start to end takes few requests."""
    store = RemoteStore()
    url = store.put(content)
    with open_input(store, url, generation=None, workdir=tmp_path) as source:
        file = RemoteFile(source.location)
        assert b"".join(iter(lambda: file.read(32768), b"")) == content.read_bytes()
        assert source.bytes_read == SIZE
    assert store.bytes_read == SIZE


def test_media_input_serves_only_its_token(content: Path, tmp_path: Path) -> None:
    """A path without the token leads to no object."""
    store = RemoteStore()
    url = store.put(content)
    with open_input(store, url, generation=None, workdir=tmp_path) as source:
        parts = urlsplit(source.location)
        assert parts.hostname == "127.0.0.1"
        for path in ("/", "/object", parts.path + "x"):
            connection = http.client.HTTPConnection(parts.netloc)
            connection.request("GET", path)
            assert connection.getresponse().status == 404
            connection.close()
    assert store.bytes_read == 0


def test_media_input_raises_the_stores_error_when_the_object_is_overwritten(
    content: Path, tmp_path: Path
) -> None:
    """The store's error replaces the child's complaint about a broken file."""
    store = RemoteStore()
    url = store.put(content)

    def read_across_an_overwriting() -> None:
        with open_input(store, url, generation="1", workdir=tmp_path) as source:
            file = RemoteFile(source.location)
            file.read(10)
            store.put(content, url, "2")
            file.seek(500_000)
            file.read(10)

    with pytest.raises(ObjectChanged):
        read_across_an_overwriting()


@pytest.mark.parametrize("is_local", [True, False])
def test_media_input_refuses_another_generation(
    content: Path, tmp_path: Path, is_local: bool
) -> None:
    """The pinned generation is checked before the first read."""
    store = RemoteStore(is_local=is_local)
    url = store.put(content, generation="2")
    with (
        pytest.raises(ObjectChanged),
        open_input(store, url, generation="1", workdir=tmp_path),
    ):
        pytest.fail("opened")
    store.remove(url)
    with pytest.raises(ObjectMissing), open_input(store, url, generation="1", workdir=tmp_path):
        pytest.fail("opened")


ODD_NAMES = [
    "ünïcödé 視頻.mp4",
    "two words.mp4",
    "-i.mp4",
    "100%d.mp4",
    'it\'s "quoted".mp4',
    "line\nbreak.mp4",
    "n" * 200 + ".mp4",
    "a:b|c.mp4",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_media_input_links_a_local_file_under_a_neutral_name(
    content: Path, tmp_path: Path, name: str
) -> None:
    """The location leads to the bytes, hides the file's name and is gone afterwards."""
    odd = content.rename(tmp_path / name)
    work = tmp_path / "work"
    work.mkdir()
    store = RemoteStore(is_local=True)
    url = store.put(odd)
    with open_input(store, url, generation=None, workdir=work) as source:
        assert name[:5] not in source.location.removeprefix(str(tmp_path))
        assert Path(source.location).read_bytes() == odd.read_bytes()
        assert source.bytes_read == 0
    assert list(work.iterdir()) == []


def test_media_input_reports_a_local_file_overwritten_meanwhile(
    content: Path, tmp_path: Path
) -> None:
    """The generation is checked again at the end."""
    store = RemoteStore(is_local=True)
    url = store.put(content)
    with pytest.raises(ObjectChanged), open_input(store, url, generation="1", workdir=tmp_path):
        store.put(content, url, "2")
