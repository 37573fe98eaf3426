"""What the S3 adapter does beyond what all stores do."""

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
    storage._client.meta.events.register(
        "before-call.s3", lambda model, **_: seen.append(model.name)
    )
    return seen


def test_a_bucket_that_is_not_there(s3_backend: Backend, tmp_path: Path) -> None:
    """Uploads to it and listings of it are refused for good, by name."""
    nowhere = Backend("nowhere", s3_backend.storage, "s3", "no-such-bucket", {})
    with pytest.raises(Reject, match=r"s3://no-such-bucket/x: this bucket does not exist"):
        put(nowhere, tmp_path, "x", b"x")
    with pytest.raises(Reject, match="this bucket does not exist"):
        list(s3_backend.storage.list("s3://no-such-bucket/"))


def test_a_large_upload_is_in_parts(
    s3_backend: Backend, moto_endpoint: str, large_file: Path
) -> None:
    """64 MiB go up in parts of 16 MiB, which become the object at once."""
    storage = s3_storage(moto_endpoint)
    seen = calls(storage)
    storage.upload(large_file, s3_backend.url("large"))
    assert seen.count("UploadPart") == 5
    assert seen[0] == "CreateMultipartUpload"
    assert seen[-1] == "CompleteMultipartUpload"


def test_a_failed_upload_leaves_no_parts(
    s3_backend: Backend, moto_endpoint: str, tmp_path: Path
) -> None:
    """Parts of an upload that lost to another are removed, for they cost money."""
    put(s3_backend, tmp_path, "talk", b"first")
    path = tmp_path / "large"
    path.write_bytes(bytes(6 * MIB))
    storage = s3_storage(moto_endpoint, part_bytes=5 * MIB)
    storage._refuse_existing = lambda url: None  # type: ignore[method-assign]
    with pytest.raises(ObjectExists):
        storage.upload(path, s3_backend.url("talk"), only_if_absent=True)
    left = storage._client.list_multipart_uploads(Bucket=s3_backend.bucket)
    assert left.get("Uploads", []) == []
    assert read(s3_backend, "talk") == b"first"


def test_an_upload_whose_answer_was_lost(
    s3_backend: Backend, moto_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt of a conditional upload finds its own object and succeeds."""
    storage = s3_storage(moto_endpoint)
    send = storage._client._endpoint.http_session.send
    lost: list[Any] = []

    def losing(request: Any) -> Any:
        answer = send(request)
        if request.method == "PUT" and not lost:
            lost.append(answer)
            answer.status_code = 503
        return answer

    monkeypatch.setattr(storage._client._endpoint.http_session, "send", losing)
    (tmp_path / "file").write_bytes(b"ours")
    made = storage.upload(tmp_path / "file", s3_backend.url("talk"), only_if_absent=True)
    assert len(lost) == 1
    assert made == storage.stat(s3_backend.url("talk"))


def test_a_copy_in_parts(s3_versioned_backend: Backend, moto_endpoint: str, tmp_path: Path) -> None:
    """An object too large for one copy request is copied all the same."""
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 40_000)
    storage = s3_storage(moto_endpoint, largest_copy_bytes=MIB)
    storage.upload(path, s3_versioned_backend.url("a"))
    seen = calls(storage)
    made = storage.copy(s3_versioned_backend.url("a"), s3_versioned_backend.url("b"))
    assert "UploadPartCopy" in seen
    assert made == storage.stat(s3_versioned_backend.url("b"))
    assert read(s3_versioned_backend, "b") == path.read_bytes()


def test_a_version_is_read_to_its_end(s3_versioned_backend: Backend, tmp_path: Path) -> None:
    """Where versions are kept, an overwritten object's reader gets all of the old bytes."""
    put(s3_versioned_backend, tmp_path, "talk", b"o" * 300_000)
    with s3_versioned_backend.storage.open(s3_versioned_backend.url("talk")) as reader:
        put(s3_versioned_backend, tmp_path, "talk", b"n" * 300_000)
        assert reader.read() == b"o" * 300_000


def test_an_etag_pins_too(s3_versioned_backend: Backend, tmp_path: Path) -> None:
    """An event that tells only the ETag, quoted or not, pins as the version does."""
    put(s3_versioned_backend, tmp_path, "talk", b"old")
    storage: Any = s3_versioned_backend.storage
    etag = storage._head(s3_versioned_backend.url("talk"))[1].etag
    assert read(s3_versioned_backend, "talk", etag) == b"old"
    assert read(s3_versioned_backend, "talk", f'"{etag}"') == b"old"
    put(s3_versioned_backend, tmp_path, "talk", b"new")
    with pytest.raises(ObjectChanged):
        read(s3_versioned_backend, "talk", etag)


def test_the_null_version_is_none() -> None:
    """Objects from before versioning go by their ETag."""
    assert version_of({"VersionId": "null", "ETag": '"abc"'}).generation == "abc"
    assert version_of({"VersionId": "v1", "ETag": '"abc"'}).generation == "v1"


def test_an_endpoint_where_nobody_answers(tmp_path: Path, moto_endpoint: str) -> None:
    """Every method ends, soon, as unavailable."""
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
