"""Remote stores behind a failing network: reads return the right bytes or raise."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from shared.errors import ObjectChanged, StorageUnavailable
from shared.storage.protocol import Storage
from shared.storage.ranged import RangedReader
from tests.support.storage import fault_proxy as faults
from tests.support.storage.backends import (
    GCS_SERVERS,
    GIVEN_GCS_URL,
    POLICY,
    Backend,
    gcs_storage,
    s3_storage,
)
from tests.support.storage.fault_proxy import Fault, FaultProxy

DATA = random.Random(7).randbytes(500_000)
PASSING: dict[str, Fault] = {
    **{f"status {code}": faults.status(code) for code in (429, 500, 502, 503, 504)},
    "no answer": faults.no_answer,
    "cut": faults.cut,
    "cut after the headers": faults.cut_at_once,
    "short": faults.short,
    "another range": faults.shifted,
    "no Content-Range": faults.unlabelled,
    "another total": faults.other_total,
    "too long": faults.too_long,
}


class Proxied:
    """An object, the proxy before its store, and an adapter that knows only the proxy."""

    def __init__(self, proxy: FaultProxy, storage: Storage, url: str, direct: Storage) -> None:
        self.proxy = proxy
        self.storage = storage
        self.url = url
        self.direct = direct

    def open(self) -> RangedReader:
        reader = self.storage.open(self.url)
        assert isinstance(reader, RangedReader)
        return reader


@pytest.fixture(params=[*GCS_SERVERS, "s3", "s3_versioned"])
def proxied(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Proxied]:
    """Each remote store in turn."""
    backend: Backend = request.getfixturevalue(f"{request.param}_backend")
    path = tmp_path / "data"
    path.write_bytes(DATA)
    url = backend.url("talk.mp4")
    backend.storage.upload(path, url)
    proxy, storage = request.getfixturevalue(f"{request.param.partition('_v')[0]}_proxied")
    proxy.plan([])
    proxy.always = None
    yield Proxied(proxy, storage, url, backend.storage)
    proxy.always = None


@pytest.fixture(scope="module")
def gcs_emulator_proxied(gcs_emulator_endpoint: str) -> Iterator[tuple[FaultProxy, Storage]]:
    """The emulator behind a proxy."""
    proxy = FaultProxy(gcs_emulator_endpoint)
    yield proxy, gcs_storage(proxy.endpoint)
    proxy.close()


@pytest.fixture(scope="module")
def gcs_strict_proxied(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[FaultProxy, Storage]]:
    """The strict server behind a proxy."""
    proxy = FaultProxy(request.getfixturevalue("strict_gcs").endpoint)
    yield proxy, gcs_storage(proxy.endpoint)
    proxy.close()


@pytest.fixture(scope="module")
def gcs_given_proxied() -> Iterator[tuple[FaultProxy, Storage]]:
    """The server that VIDEOMOMENTS_TEST_GCS_URL names, behind a proxy."""
    assert GIVEN_GCS_URL is not None
    proxy = FaultProxy(GIVEN_GCS_URL)
    yield proxy, gcs_storage(proxy.endpoint)
    proxy.close()


@pytest.fixture(scope="module")
def s3_proxied(moto_endpoint: str) -> Iterator[tuple[FaultProxy, Storage]]:
    """moto behind a proxy."""
    proxy = FaultProxy(moto_endpoint)
    yield proxy, s3_storage(proxy.endpoint)
    proxy.close()


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_read_recovers_from_a_passing_fault(proxied: Proxied, fault: Fault) -> None:
    """After two such faults in a row the right bytes arrive."""
    with proxied.open() as reader:
        reader.seek(1234)
        proxied.proxy.plan([fault, fault])
        assert reader.read(100_000) == DATA[1234:101_234]
    # The reader ignores bytes after the requested range.
    assert len(proxied.proxy.pending) == (1 if fault is faults.too_long else 0)


def test_download_recovers_from_many_faults(proxied: Proxied, tmp_path: Path) -> None:
    """A download with a fault of each kind, never too many in one place, is complete."""
    proxied.proxy.plan([faults.cut, faults.status(503), faults.short])
    proxied.storage.download(proxied.url, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == DATA


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_read_ends_when_a_fault_stays(proxied: Proxied, tmp_path: Path, fault: Fault) -> None:
    """The read raises StorageUnavailable or returns the right bytes, and leaves no partial file."""
    proxied.proxy.always = fault
    before = proxied.proxy.ranged_reads
    with proxied.open() as reader:
        try:
            got = reader.read(100_000)
        except StorageUnavailable:
            assert proxied.proxy.ranged_reads - before == POLICY.attempts
        else:
            assert got == DATA[: len(got)]
            assert got
    try:
        proxied.storage.download(proxied.url, tmp_path / "got")
    except StorageUnavailable:
        assert [p.name for p in tmp_path.iterdir()] == ["data"]
    else:
        assert (tmp_path / "got").read_bytes() == DATA


def test_read_resumes_where_it_was_cut(proxied: Proxied) -> None:
    """The bytes before the cut are not fetched again."""
    with proxied.open() as reader:
        proxied.proxy.plan([faults.cut])
        assert reader.read(400_000) == DATA[:400_000]
        assert reader.bytes_fetched == 400_000


def test_read_is_right_when_the_server_ignores_ranges(proxied: Proxied) -> None:
    """The server sends the whole object, and the reader returns the right bytes of it."""

    def whole(answer: faults.Answer) -> None:
        answer.status, answer.body, answer.length = 200, DATA, len(DATA)
        faults.unlabelled(answer)

    proxied.proxy.always = whole
    with proxied.open() as reader:
        reader.seek(300_000)
        assert reader.read(50_000) == DATA[300_000:350_000]


def test_read_never_mixes_versions_when_resumed(proxied: Proxied, tmp_path: Path) -> None:
    """An object overwritten between a cut and its retry does not mix two versions."""
    path = tmp_path / "data"
    path.write_bytes(bytes(len(DATA)))

    def overwrite(answer: faults.Answer) -> None:
        proxied.direct.upload(path, proxied.url)
        faults.cut(answer)

    with proxied.open() as reader:
        proxied.proxy.plan([overwrite])
        with suppress(ObjectChanged):
            assert reader.read(400_000) == DATA[:400_000]
