"""The stores of the conformance suite, and the features that each is known to lack."""

from __future__ import annotations

import itertools
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shared.errors import VideoMomentsError
from shared.storage.folder.store import FolderStorage
from shared.storage.gcs.store import GcsStorage
from shared.storage.protocol import Storage
from shared.storage.retries import RetryPolicy
from shared.storage.s3.store import S3Storage
from shared.storage.urls import join_url
from tests.support.storage.gcs_fake import FakeGcs
from tests.support.storage.signatures import SignatureCheck, signing_credentials, signing_key

POLICY = RetryPolicy(attempts=6, first_wait_seconds=0.01, longest_wait_seconds=0.1)
PAGE_SIZE = 7
# Another server of Cloud Storage's API, and a comma list of the features that it lacks.
GIVEN_GCS_URL = os.environ.get("VIDEOMOMENTS_TEST_GCS_URL")
GIVEN_GCS_LACKS = os.environ.get("VIDEOMOMENTS_TEST_GCS_LACKS", "")
GCS_SERVERS = ("gcs_emulator", "gcs_strict", *(["gcs_given"] if GIVEN_GCS_URL else []))
_numbers = itertools.count(1)

FOLDER_LACKS = {
    "content types": "a file has no content type; it follows from the name",
    "names that begin names": "a path is a file or a folder, not both",
}
GCS_LACKS = {
    "line breaks in names": "Cloud Storage refuses them",
    "dots as name": "Cloud Storage refuses '.' and '..'",
}
EMULATOR_LACKS = {
    **GCS_LACKS,
    "write preconditions": "gcp-storage-emulator ignores ifGenerationMatch",
    "generations of reads": "gcp-storage-emulator ignores generation and ifGenerationMatch",
    "dots within names": "gcp-storage-emulator takes them for folders",
    "pages": "gcp-storage-emulator lists everything at once",
    "signature checks": "gcp-storage-emulator takes any signature",
    "signatures that expire": "gcp-storage-emulator takes any signature",
}
S3_LACKS = {
    "line breaks in names": "moto's server routes no such path",
    "signature checks": "moto's server takes any signature",
    "signatures that expire": "moto's server takes any signature",
    "content types in listings": "S3 lists none",
}
S3_UNVERSIONED_LACKS = {
    **S3_LACKS,
    "generations of equal bytes": "without versions there is only the ETag, a hash of the bytes",
}


@dataclass
class Backend:
    """One bucket of one store, empty at first. `pages` counts the pages of a bucket's listing."""

    name: str
    storage: Storage
    scheme: str
    bucket: str
    lacks: Mapping[str, str]
    pages: Callable[[str], int] | None = None

    def url(self, name: str) -> str:
        return join_url(self.scheme, self.bucket, name)

    @contextmanager
    def has(self, feature: str) -> Iterator[None]:
        """The assertions inside hold; if the store is known to lack the feature, they fail.

        So the suite names each feature that it could not show, and fails once a store gains one.
        """
        reason = self.lacks.get(feature)
        if reason is None:
            yield
            return
        try:
            yield
        except (AssertionError, VideoMomentsError, pytest.fail.Exception):
            pytest.xfail(f"{self.name} lacks {feature}: {reason}")
        pytest.fail(f"{self.name} no longer lacks {feature}: take it off its list")


def given_lacks() -> dict[str, str]:
    """The features that the server named in the environment lacks."""
    named = (feature.strip() for feature in GIVEN_GCS_LACKS.split(",") if feature.strip())
    return {**GCS_LACKS, **dict.fromkeys(named, "so says VIDEOMOMENTS_TEST_GCS_LACKS")}


def bucket_name() -> str:
    """A name that no worker has used before."""
    return f"bucket-{os.getpid()}-{next(_numbers)}"


def folder_backend(root: Path) -> Iterator[Backend]:
    """A bucket that is a folder."""
    storage = FolderStorage(root)
    bucket = str(root.resolve() / bucket_name())[1:]
    yield Backend("folder", storage, "file", bucket, FOLDER_LACKS)
    storage.close()


@contextmanager
def gcs_emulator() -> Iterator[str]:
    """Run gcp-storage-emulator; yields its endpoint."""
    from gcp_storage_emulator.server import create_server

    # It logs a request for a missing object as an error, and tests make such requests.
    for name in ("gcp_storage_emulator", "api"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    server = create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{server._api._httpd.server_address[1]}"
    finally:
        server.stop()


@contextmanager
def strict_gcs() -> Iterator[FakeGcs]:
    """Run the strict server."""
    server = FakeGcs(SignatureCheck(signing_key().public_key()))
    try:
        yield server
    finally:
        server.close()


@contextmanager
def moto_server() -> Iterator[str]:
    """Run moto's server; yields its endpoint."""
    from moto.server import ThreadedMotoServer

    # It sometimes fails and logs when two clients overwrite an object at once; the client retries.
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def gcs_storage(endpoint: str, **options: Any) -> GcsStorage:
    """The adapter with small pages, short waits and a signing key."""
    return GcsStorage(
        endpoint=endpoint,
        project="test",
        signing_credentials=signing_credentials(),
        page_size=PAGE_SIZE,
        policy=options.pop("policy", POLICY),
        **options,
    )


def s3_storage(endpoint: str, **options: Any) -> S3Storage:
    """The adapter with small pages and short waits."""
    return S3Storage(
        endpoint=endpoint,
        region="us-east-1",
        page_size=PAGE_SIZE,
        policy=options.pop("policy", POLICY),
        **options,
    )


def gcs_bucket(storage: GcsStorage) -> str:
    """Make a bucket; returns its name."""
    name = bucket_name()
    storage.connection.client.create_bucket(name)
    return name


def gcs_pages(storage: GcsStorage, bucket: str) -> int:
    """The number of pages of a listing."""
    found = storage.connection.client.list_blobs(bucket, page_size=PAGE_SIZE)
    return sum(1 for _ in found.pages)


def s3_pages(storage: S3Storage, bucket: str) -> int:
    """The number of pages of a listing."""
    paginator = storage.client.get_paginator("list_objects_v2")
    config = {"PageSize": PAGE_SIZE}
    return sum(1 for _ in paginator.paginate(Bucket=bucket, PaginationConfig=config))


def s3_bucket(storage: S3Storage, *, versioned: bool) -> str:
    """Make a bucket; returns its name."""
    name = bucket_name()
    storage.client.create_bucket(Bucket=name)
    if versioned:
        storage.client.put_bucket_versioning(
            Bucket=name, VersioningConfiguration={"Status": "Enabled"}
        )
    return name
