"""Objects handed to children: without names, in ranges, pinned."""

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
from tests.support.media.storage import FarStore

SIZE = 1_000_003


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A megabyte that is nowhere the same."""
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
def test_ranges_are_read_as_rfc_9110_says(header: str | None, span: tuple[int, int] | None) -> None:
    """One satisfiable range is that range; an unreadable header is none."""
    assert parse_range(header, 100) == span


def test_ranged_reads_give_the_objects_bytes(content: Path, tmp_path: Path) -> None:
    """Whatever is sought and read, the bytes are those of the object."""
    store, truth, choose = FarStore(), content.read_bytes(), random.Random(5)
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


def test_a_long_read_takes_few_requests_and_nothing_twice(content: Path, tmp_path: Path) -> None:
    """Reading end to end fetches each byte once."""
    store = FarStore()
    url = store.put(content)
    with open_input(store, url, generation=None, workdir=tmp_path) as source:
        file = RemoteFile(source.location)
        assert b"".join(iter(lambda: file.read(32768), b"")) == content.read_bytes()
        assert source.bytes_read == SIZE
    assert store.bytes_read == SIZE


def test_another_path_of_the_server_gives_nothing(content: Path, tmp_path: Path) -> None:
    """Without the token there is no object."""
    store = FarStore()
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


def test_an_overwritten_object_is_no_broken_medium(content: Path, tmp_path: Path) -> None:
    """What the store says while a child reads replaces what the child made of it."""
    store = FarStore()
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
def test_an_object_of_another_generation_is_not_opened(
    content: Path, tmp_path: Path, is_local: bool
) -> None:
    """The pinned generation is checked before anything is read."""
    store = FarStore(is_local=is_local)
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
def test_a_local_file_is_reached_without_its_name(content: Path, tmp_path: Path, name: str) -> None:
    """The location is ours alone and leads to the bytes; it is gone afterwards."""
    odd = content.rename(tmp_path / name)
    work = tmp_path / "work"
    work.mkdir()
    store = FarStore(is_local=True)
    url = store.put(odd)
    with open_input(store, url, generation=None, workdir=work) as source:
        assert name[:5] not in source.location.removeprefix(str(tmp_path))
        assert Path(source.location).read_bytes() == odd.read_bytes()
        assert source.bytes_read == 0
    assert list(work.iterdir()) == []


def test_a_local_file_overwritten_meanwhile_is_told(content: Path, tmp_path: Path) -> None:
    """The generation is looked at again at the end."""
    store = FarStore(is_local=True)
    url = store.put(content)
    with pytest.raises(ObjectChanged), open_input(store, url, generation="1", workdir=tmp_path):
        store.put(content, url, "2")
