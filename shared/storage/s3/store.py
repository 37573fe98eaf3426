"""Objects of S3 and compatible servers, through boto3."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.errors import ObjectChanged, ObjectExists, ObjectMissing, StorageUnavailable
from shared.storage.content_types import content_type_of
from shared.storage.local_file import pour, whole_file
from shared.storage.protocol import ObjectStat
from shared.storage.ranged import RangedReader
from shared.storage.retries import RetryPolicy
from shared.storage.s3 import listing as s3_listing
from shared.storage.s3 import uploads as s3_uploads
from shared.storage.s3.connection import bucket_missing, connect, translate_errors
from shared.storage.s3.ranges import S3Ranges
from shared.storage.s3.versions import Version, version_of
from shared.storage.urls import check_name, split_url

# If an answer is lost and the upload is repeated, the mark identifies our own object.
_UPLOAD_MARK = "videomoments-upload"
_LARGEST_COPY_BYTES = 5 << 30  # The limit of one request; larger objects are copied in parts.


class S3Storage:
    """The `s3://` adapter. A generation is the version or, without versions, the ETag.

    Without versions, an overwrite with the same bytes keeps the generation. Listings have no
    content types.
    """

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        part_bytes: int = 16 << 20,
        page_size: int = 1000,
        largest_copy_bytes: int = _LARGEST_COPY_BYTES,
        policy: RetryPolicy | None = None,
    ) -> None:
        """Connects at first use. Uploads files above `part_bytes` (5 MiB or more) in parts."""
        self._endpoint = endpoint
        self._region = region
        self._part_bytes = part_bytes
        self._page_size = page_size
        self._largest_copy_bytes = largest_copy_bytes
        self._policy = policy or RetryPolicy()

    def stat(self, url: str) -> ObjectStat:
        """See `Storage`."""
        return self._head(url)[0]

    def open(self, url: str, *, generation: str | None = None) -> RangedReader:
        """See `Storage`. In a bucket with versions, an overwritten object stays readable."""
        stat, version = self._head(url)
        if generation is not None and not version.matches(generation):
            raise ObjectChanged(url, generation, version.generation)
        return RangedReader(S3Ranges(self._range_client, stat, version), stat, self._policy)

    def download(self, url: str, path: Path, *, generation: str | None = None) -> ObjectStat:
        """See `Storage`."""
        with self.open(url, generation=generation) as reader, whole_file(path) as file:
            pour(reader, file)
            return reader.stat

    def upload(
        self,
        path: Path,
        url: str,
        *,
        content_type: str | None = None,
        only_if_absent: bool = False,
    ) -> ObjectStat:
        """See `Storage`."""
        if only_if_absent:
            self.refuse_existing(url)  # saves the upload; some stores ignore preconditions
        content_type = content_type or content_type_of(url) or "application/octet-stream"
        mark = uuid.uuid4().hex
        headers: dict[str, Any] = {"ContentType": content_type, "Metadata": {_UPLOAD_MARK: mark}}
        if only_if_absent:
            headers["IfNoneMatch"] = "*"
        size = path.stat().st_size
        try:
            with translate_errors(url):
                answer = s3_uploads.put(self.client, path, _target(url), headers, self._part_bytes)
        except ObjectChanged:
            return self._own_or_refuse(url, mark)
        except ObjectMissing:
            raise bucket_missing(url) from None
        return ObjectStat(
            url, size, version_of(answer).generation, content_type, _response_time(answer)
        )

    def list(self, prefix_url: str) -> Iterator[ObjectStat]:
        """See `Storage`."""
        _, bucket, prefix = split_url(prefix_url)
        with translate_errors(prefix_url):
            versions = s3_listing.has_versions(self.client, bucket)
            yield from s3_listing.list_versions(
                self.client, bucket, prefix, self._page_size, versions
            )

    def copy(self, source_url: str, target_url: str) -> ObjectStat:
        """See `Storage`. The bytes do not pass through this machine."""
        stat, version = self._head(source_url)
        source: dict[str, str] = _target(source_url)
        if version.version_id:
            source["VersionId"] = version.version_id
        with translate_errors(source_url):
            if stat.size_bytes > self._largest_copy_bytes:
                self.client.copy(source, **_target(target_url))
                return self.stat(target_url)
            answer = self.client.copy_object(
                CopySource=source, CopySourceIfMatch=version.etag, **_target(target_url)
            )
        made = answer["CopyObjectResult"]
        written = version_of({**made, "VersionId": answer.get("VersionId")})
        return replace(
            stat, url=target_url, generation=written.generation, updated_at=made["LastModified"]
        )

    def delete(self, url: str, *, generation: str | None = None) -> bool:
        """See `Storage`. A bucket with versions keeps the older ones."""
        try:
            _, version = self._head(url)
            if generation is not None and not version.matches(generation):
                raise ObjectChanged(url, generation, version.generation)
            condition = {"IfMatch": version.etag} if generation is not None else {}
            with translate_errors(url):
                self.client.delete_object(**_target(url), **condition)
        except ObjectMissing:
            return False
        return True

    def signed_read_url(self, url: str, *, expires_seconds: int) -> str:
        """See `Storage`. At most 7 days, and not after the credentials expire."""
        return self._signed_url("get_object", _target(url), expires_seconds)

    def signed_upload_url(self, url: str, *, content_type: str, expires_seconds: int) -> str:
        """See `Storage`. At most 7 days, and not after the credentials expire."""
        return self._signed_url(
            "put_object", {**_target(url), "ContentType": content_type}, expires_seconds
        )

    def local_path(self, url: str) -> Path | None:  # noqa: ARG002 (asked of every store)
        """None: the objects of a bucket are not files of this machine."""
        return None

    @cached_property
    def client(self) -> Any:
        """The boto3 client; it connects at first use."""
        return connect(self._endpoint, self._region, self._policy)

    @cached_property
    def _range_client(self) -> Any:
        return connect(self._endpoint, self._region, self._policy, attempts=1)

    def _answer(self, url: str) -> Any:
        target = _target(url)
        with translate_errors(url):
            return self.client.head_object(**target)

    def _head(self, url: str) -> tuple[ObjectStat, Version]:
        answer = self._answer(url)
        return _stat_of(url, answer), version_of(answer)

    def _own_or_refuse(self, url: str, mark: str) -> ObjectStat:
        """The existing object, if this upload made it and only the answer was lost."""
        try:
            answer = self._answer(url)
        except ObjectMissing:
            raise StorageUnavailable(url, "another upload of the object is in progress") from None
        if answer.get("Metadata", {}).get(_UPLOAD_MARK) != mark:
            raise ObjectExists(url)
        return _stat_of(url, answer)

    def refuse_existing(self, url: str) -> None:
        """Raise `ObjectExists` if the object exists."""
        try:
            self._head(url)
        except ObjectMissing:
            return
        raise ObjectExists(url)

    def _signed_url(self, operation: str, arguments: dict[str, str], seconds: int) -> str:
        with translate_errors(f"s3://{arguments['Bucket']}/{arguments['Key']}"):
            signed: str = self.client.generate_presigned_url(
                operation, Params=arguments, ExpiresIn=seconds
            )
        return signed


def _target(url: str) -> dict[str, str]:
    _, bucket, name = split_url(url)
    return {"Bucket": bucket, "Key": check_name(url, name)}


def _stat_of(url: str, answer: Any) -> ObjectStat:
    return ObjectStat(
        url=url,
        size_bytes=answer["ContentLength"],
        generation=version_of(answer).generation,
        content_type=answer.get("ContentType"),
        updated_at=answer["LastModified"],
    )


def _response_time(answer: Any) -> datetime:
    """The response's time: the answer to a write does not include the object's own time."""
    date = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(date).astimezone(UTC)
    except (TypeError, ValueError):
        return datetime.now(UTC)
