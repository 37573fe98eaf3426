"""Remote stores behind a network that fails: reads give the right bytes or raise."""

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


class Behind:
    """An object, the proxy before its store, and an adapter that knows the proxy only."""

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
def behind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Behind]:
    """Each remote store in turn."""
    backend: Backend = request.getfixturevalue(f"{request.param}_backend")
    path = tmp_path / "data"
    path.write_bytes(DATA)
    url = backend.url("talk.mp4")
    backend.storage.upload(path, url)
    proxy, storage = request.getfixturevalue(f"{request.param.partition('_v')[0]}_proxied")
    proxy.plan([])
    proxy.always = None
    yield Behind(proxy, storage, url, backend.storage)
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
def test_a_fault_that_passes(behind: Behind, fault: Fault) -> None:
    """After two such faults in a row the right bytes come."""
    with behind.open() as reader:
        reader.seek(1234)
        behind.proxy.plan([fault, fault])
        assert reader.read(100_000) == DATA[1234:101_234]
    # What comes after the range asked for is simply not taken.
    assert len(behind.proxy.pending) == (1 if fault is faults.too_long else 0)


def test_a_download_through_many_faults(behind: Behind, tmp_path: Path) -> None:
    """A download with a fault of each kind, never too many in one place, is whole."""
    behind.proxy.plan([faults.cut, faults.status(503), faults.short])
    behind.storage.download(behind.url, tmp_path / "got")
    assert (tmp_path / "got").read_bytes() == DATA


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_stays(behind: Behind, tmp_path: Path, fault: Fault) -> None:
    """What never gets better ends, as unavailable or with right bytes; no file is left half."""
    behind.proxy.always = fault
    before = behind.proxy.ranged_reads
    with behind.open() as reader:
        try:
            got = reader.read(100_000)
        except StorageUnavailable:
            assert behind.proxy.ranged_reads - before == POLICY.attempts
        else:
            assert got == DATA[: len(got)]
            assert got
    try:
        behind.storage.download(behind.url, tmp_path / "got")
    except StorageUnavailable:
        assert [p.name for p in tmp_path.iterdir()] == ["data"]
    else:
        assert (tmp_path / "got").read_bytes() == DATA


def test_a_read_goes_on_where_it_broke(behind: Behind) -> None:
    """What came before a cut is not fetched again."""
    with behind.open() as reader:
        behind.proxy.plan([faults.cut])
        assert reader.read(400_000) == DATA[:400_000]
        assert reader.bytes_fetched == 400_000


def test_a_server_that_ignores_ranges(behind: Behind) -> None:
    """The whole object in place of a range costs its bytes, but gives the right ones."""

    def whole(answer: faults.Answer) -> None:
        answer.status, answer.body, answer.length = 200, DATA, len(DATA)
        faults.unlabelled(answer)

    behind.proxy.always = whole
    with behind.open() as reader:
        reader.seek(300_000)
        assert reader.read(50_000) == DATA[300_000:350_000]


def test_overwritten_between_a_cut_and_its_retry(behind: Behind, tmp_path: Path) -> None:
    """The two halves of one read never come from two versions."""
    path = tmp_path / "data"
    path.write_bytes(bytes(len(DATA)))

    def overwrite(answer: faults.Answer) -> None:
        behind.direct.upload(path, behind.url)
        faults.cut(answer)

    with behind.open() as reader:
        behind.proxy.plan([overwrite])
        with suppress(ObjectChanged):
            assert reader.read(400_000) == DATA[:400_000]
