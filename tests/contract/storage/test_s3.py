"""The S3 adapter beyond the common contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.errors import ObjectChanged, ObjectExists, Reject, StorageUnavailable
from shared.storage.retries import RetryPolicy
from shared.storage.s3.store import S3Storage
from shared.storage.s3.versions import version_of
from tests.support.storage.actions import put, read
from tests.support.storage.backends import Backend, s3_storage

MIB = 1 << 20


def calls(storage: S3Storage) -> list[str]:
    """The names of the operations that the client sends from now on."""
    seen: list[str] = []
    storage.client.meta.events.register(
        "before-call.s3", lambda model, **_: seen.append(model.name)
    )
    return seen


def test_s3_rejects_a_missing_bucket_by_name(s3_backend: Backend, tmp_path: Path) -> None:
    """Uploads to it and listings of it raise Reject with its name."""
    nowhere = Backend("nowhere", s3_backend.storage, "s3", "no-such-bucket", {})
    with pytest.raises(Reject, match=r"s3://no-such-bucket/x: this bucket does not exist"):
        put(nowhere, tmp_path, "x", b"x")
    with pytest.raises(Reject, match="this bucket does not exist"):
        list(s3_backend.storage.list("s3://no-such-bucket/"))


def test_s3_uploads_a_large_file_in_parts(
    s3_backend: Backend, moto_endpoint: str, large_file: Path
) -> None:
    """64 MiB go up in parts of 16 MiB, which become the object at once."""
    storage = s3_storage(moto_endpoint)
    seen = calls(storage)
    storage.upload(large_file, s3_backend.url("large"))
    assert seen.count("UploadPart") == 5
    assert seen[0] == "CreateMultipartUpload"
    assert seen[-1] == "CompleteMultipartUpload"


def test_s3_removes_the_parts_of_a_failed_upload(
    s3_backend: Backend, moto_endpoint: str, tmp_path: Path
) -> None:
    """An upload that loses to another removes its parts, since they cost money."""
    path = tmp_path / "large"
    path.write_bytes(bytes(6 * MIB))
    storage = s3_storage(moto_endpoint, part_bytes=5 * MIB)

    def overtake(**_: Any) -> None:
        """Another upload between the check for an object and the parts of this one."""
        put(s3_backend, tmp_path, "talk", b"first")

    storage.client.meta.events.register("before-call.s3.CreateMultipartUpload", overtake)
    with pytest.raises(ObjectExists):
        storage.upload(path, s3_backend.url("talk"), only_if_absent=True)
    left = storage.client.list_multipart_uploads(Bucket=s3_backend.bucket)
    assert left.get("Uploads", []) == []
    assert read(s3_backend, "talk") == b"first"


def test_s3_upload_succeeds_when_its_first_answer_is_lost(
    s3_backend: Backend, moto_endpoint: str, tmp_path: Path
) -> None:
    """The second attempt of a conditional upload recognises its own object."""
    storage = s3_storage(moto_endpoint)
    lost: list[Any] = []

    def lose(response_dict: Any, customized_response_dict: dict[str, Any], **_: Any) -> None:
        if not lost:
            lost.append(response_dict)
            customized_response_dict["Error"] = {"Code": "RequestTimeout", "Message": "lost"}

    storage.client.meta.events.register("before-parse.s3.PutObject", lose)
    (tmp_path / "file").write_bytes(b"ours")
    made = storage.upload(tmp_path / "file", s3_backend.url("talk"), only_if_absent=True)
    assert len(lost) == 1
    assert made == storage.stat(s3_backend.url("talk"))


def test_s3_copies_a_large_object_in_parts(
    s3_versioned_backend: Backend, moto_endpoint: str, tmp_path: Path
) -> None:
    """An object too large for one copy request is copied in several."""
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 40_000)
    storage = s3_storage(moto_endpoint, largest_copy_bytes=MIB)
    storage.upload(path, s3_versioned_backend.url("a"))
    seen = calls(storage)
    made = storage.copy(s3_versioned_backend.url("a"), s3_versioned_backend.url("b"))
    assert "UploadPartCopy" in seen
    assert made == storage.stat(s3_versioned_backend.url("b"))
    assert read(s3_versioned_backend, "b") == path.read_bytes()


def test_s3_reads_an_old_version_to_its_end(s3_versioned_backend: Backend, tmp_path: Path) -> None:
    """With versions, a reader of an overwritten object gets all of the old bytes."""
    put(s3_versioned_backend, tmp_path, "talk", b"o" * 300_000)
    with s3_versioned_backend.storage.open(s3_versioned_backend.url("talk")) as reader:
        put(s3_versioned_backend, tmp_path, "talk", b"n" * 300_000)
        assert reader.read() == b"o" * 300_000


def test_s3_accepts_an_etag_as_generation(s3_versioned_backend: Backend, tmp_path: Path) -> None:
    """An event with only an ETag, quoted or not, pins like a version."""
    put(s3_versioned_backend, tmp_path, "talk", b"old")
    storage: Any = s3_versioned_backend.storage
    answer = storage.client.head_object(Bucket=s3_versioned_backend.bucket, Key="talk")
    etag = answer["ETag"].strip('"')
    assert read(s3_versioned_backend, "talk", etag) == b"old"
    assert read(s3_versioned_backend, "talk", f'"{etag}"') == b"old"
    put(s3_versioned_backend, tmp_path, "talk", b"new")
    with pytest.raises(ObjectChanged):
        read(s3_versioned_backend, "talk", etag)


def test_version_of_takes_the_etag_for_the_null_version() -> None:
    """Objects from before versioning have their ETag as generation."""
    assert version_of({"VersionId": "null", "ETag": '"abc"'}).generation == "abc"
    assert version_of({"VersionId": "v1", "ETag": '"abc"'}).generation == "v1"


def test_s3_is_unavailable_when_no_server_listens(tmp_path: Path, moto_endpoint: str) -> None:
    """Every method soon raises StorageUnavailable."""
    storage = s3_storage("http://127.0.0.1:9", policy=RetryPolicy(1, 0.01, 0.01))
    (tmp_path / "file").write_bytes(b"x")
    url = "s3://bucket/name"
    for call in (
        lambda: storage.stat(url),
        lambda: storage.open(url),
        lambda: storage.upload(tmp_path / "file", url),
        lambda: list(storage.list("s3://bucket/")),
        lambda: storage.copy(url, "s3://bucket/other"),
        lambda: storage.delete(url),
    ):
        with pytest.raises(StorageUnavailable):
            call()
