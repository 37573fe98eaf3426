"""The servers that storage is tested against: one of each per worker, a new bucket per test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from shared.storage.gcs.store import GcsStorage
from shared.storage.s3.store import S3Storage
from tests.support.storage import backends
from tests.support.storage.backends import Backend
from tests.support.storage.gcs_fake import FakeGcs


@pytest.fixture(scope="session")
def gcs_emulator_endpoint() -> Iterator[str]:
    """The address of gcp-storage-emulator."""
    with backends.gcs_emulator() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def strict_gcs() -> Iterator[FakeGcs]:
    """Our own strict server of Cloud Storage's API."""
    with backends.strict_gcs() as server:
        yield server


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """The address of moto's S3 server."""
    with pytest.MonkeyPatch.context() as patch, backends.moto_server() as endpoint:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield endpoint


@pytest.fixture(scope="session")
def gcs_emulator_storage(gcs_emulator_endpoint: str) -> GcsStorage:
    """One adapter for all buckets of the emulator."""
    return backends.gcs_storage(gcs_emulator_endpoint)


@pytest.fixture(scope="session")
def gcs_strict_storage(strict_gcs: FakeGcs) -> GcsStorage:
    """One adapter for all buckets of the strict server."""
    return backends.gcs_storage(strict_gcs.endpoint)


@pytest.fixture(scope="session")
def s3_storage(moto_endpoint: str) -> S3Storage:
    """One adapter for all buckets of moto."""
    return backends.s3_storage(moto_endpoint)


@pytest.fixture
def folder_backend(tmp_path: Path) -> Iterator[Backend]:
    """The folder adapter on an empty folder."""
    yield from backends.folder_backend(tmp_path / "buckets")


@pytest.fixture
def gcs_emulator_backend(gcs_emulator_storage: GcsStorage) -> Backend:
    """The GCS adapter on gcp-storage-emulator."""
    bucket = backends.gcs_bucket(gcs_emulator_storage)
    pages = partial(backends.gcs_pages, gcs_emulator_storage)
    return Backend(
        "gcs-emulator", gcs_emulator_storage, "gs", bucket, backends.EMULATOR_LACKS, pages
    )


@pytest.fixture
def gcs_strict_backend(gcs_strict_storage: GcsStorage) -> Backend:
    """The GCS adapter on the strict server."""
    bucket = backends.gcs_bucket(gcs_strict_storage)
    pages = partial(backends.gcs_pages, gcs_strict_storage)
    return Backend("gcs-strict", gcs_strict_storage, "gs", bucket, backends.GCS_LACKS, pages)


@pytest.fixture(scope="session")
def gcs_given_storage() -> GcsStorage:
    """One adapter for all buckets of the server that VIDEOMOMENTS_TEST_GCS_URL names."""
    assert backends.GIVEN_GCS_URL is not None
    return backends.gcs_storage(backends.GIVEN_GCS_URL)


@pytest.fixture
def gcs_given_backend(gcs_given_storage: GcsStorage) -> Backend:
    """The GCS adapter on that server."""
    bucket = backends.gcs_bucket(gcs_given_storage)
    pages = partial(backends.gcs_pages, gcs_given_storage)
    lacks = backends.given_lacks()
    return Backend("gcs-given", gcs_given_storage, "gs", bucket, lacks, pages)


@pytest.fixture
def s3_backend(s3_storage: S3Storage) -> Backend:
    """The S3 adapter on a bucket without versions."""
    bucket = backends.s3_bucket(s3_storage, versioned=False)
    pages = partial(backends.s3_pages, s3_storage)
    return Backend("s3", s3_storage, "s3", bucket, backends.S3_UNVERSIONED_LACKS, pages)


@pytest.fixture
def s3_versioned_backend(s3_storage: S3Storage) -> Backend:
    """The S3 adapter on a bucket with versions."""
    bucket = backends.s3_bucket(s3_storage, versioned=True)
    pages = partial(backends.s3_pages, s3_storage)
    return Backend("s3-versioned", s3_storage, "s3", bucket, backends.S3_LACKS, pages)


_BACKENDS = ("folder", *backends.GCS_SERVERS, "s3", "s3_versioned")


@pytest.fixture(params=_BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each store in turn."""
    found = request.getfixturevalue(f"{request.param}_backend")
    assert isinstance(found, Backend)
    return found


@pytest.fixture(scope="session")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 MiB and a few bytes that cannot be compressed."""
    path = tmp_path_factory.mktemp("large") / "large.bin"
    path.write_bytes(os.urandom((64 << 20) + 123))
    return path
