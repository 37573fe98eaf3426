"""Objects of Cloud Storage, through Google's client."""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.error_codes.storage import BUCKET_MISSING
from shared.errors import (
    ObjectChanged,
    ObjectExists,
    ObjectMissing,
    Reject,
    StorageUnavailable,
)
from shared.storage.content_types import content_type_of
from shared.storage.gcs.connection import GcsConnection, connect, retry_of, translate_errors
from shared.storage.gcs.ranges import GcsRanges
from shared.storage.gcs.signers import signer_arguments
from shared.storage.local_file import pour, whole_file
from shared.storage.protocol import ObjectStat
from shared.storage.ranged import RangedReader
from shared.storage.retries import RetryPolicy
from shared.storage.urls import check_name, join_url, split_url

_UPLOAD_MARK = "videomoments-upload"
_LISTED = "items(name,size,generation,contentType,updated),nextPageToken"


class GcsStorage:
    """The `gs://` adapter. A generation is the object's generation number."""

    def __init__(
        self,
        *,
        endpoint: str | None = None,
        project: str | None = None,
        signing_credentials: Any = None,
        chunk_bytes: int = 8 << 20,
        page_size: int = 1000,
        policy: RetryPolicy | None = None,
    ) -> None:
        """Connects at first use. `chunk_bytes`, for resumable uploads, is a multiple of 256 KiB.

        `signing_credentials` (google.auth) sign URLs in place of the client's own.
        """
        self._endpoint = endpoint
        self._project = project
        self._signing_credentials = signing_credentials
        self._chunk_bytes = chunk_bytes
        self._page_size = page_size
        self._policy = policy or RetryPolicy()

    def stat(self, url: str) -> ObjectStat:
        """See `Storage`."""
        return _stat_of(self._load_blob(url))

    def open(self, url: str, *, generation: str | None = None) -> RangedReader:
        """See `Storage`."""
        return self._reader(self._pinned_blob(url, generation))

    def download(self, url: str, path: Path, *, generation: str | None = None) -> ObjectStat:
        """See `Storage`. Compares the CRC32C of the received bytes with the object's."""
        import google_crc32c

        blob = self._pinned_blob(url, generation)
        checksum: Any = google_crc32c.Checksum()  # type: ignore[no-untyped-call]
        with whole_file(path) as file, self._reader(blob) as reader:
            pour(reader, file, checksum.update)
            found = base64.b64encode(checksum.digest()).decode()
            if blob.crc32c not in (None, found):
                raise StorageUnavailable(url, f"CRC32C is {found}, expected {blob.crc32c}")
        return _stat_of(blob)

    def upload(
        self,
        path: Path,
        url: str,
        *,
        content_type: str | None = None,
        only_if_absent: bool = False,
    ) -> ObjectStat:
        """See `Storage`. Files above 8 MiB use a resumable upload."""
        from google.api_core.exceptions import PreconditionFailed

        if only_if_absent:
            self.refuse_existing(url)  # saves the upload; some servers ignore preconditions
        blob = self._blob(url, chunk_size=self._chunk_bytes)
        # If an answer is lost and the upload is repeated, the mark identifies our own object.
        mark = uuid.uuid4().hex
        blob.metadata = {_UPLOAD_MARK: mark}
        try:
            with translate_errors(url):
                blob.upload_from_filename(
                    str(path),
                    content_type=content_type or content_type_of(url) or "application/octet-stream",
                    if_generation_match=0 if only_if_absent else None,
                    checksum="crc32c",
                    **self._call,
                )
        except ObjectMissing:
            raise _bucket_missing(url) from None
        except PreconditionFailed:
            blob = self._own_or_refuse(url, mark)
        stored = _stat_of(blob)
        if stored.size_bytes != path.stat().st_size:
            raise StorageUnavailable(url, f"it has {stored.size_bytes} bytes, not all of {path}")
        return stored

    def list(self, prefix_url: str) -> Iterator[ObjectStat]:
        """See `Storage`."""
        _, bucket, prefix = split_url(prefix_url)
        try:
            with translate_errors(prefix_url):
                for blob in self.connection.client.list_blobs(
                    bucket,
                    prefix=prefix or None,
                    page_size=self._page_size,
                    fields=_LISTED,
                    **self._call,
                ):
                    yield _stat_of(blob)
        except ObjectMissing:
            raise _bucket_missing(prefix_url) from None

    def copy(self, source_url: str, target_url: str) -> ObjectStat:
        """See `Storage`. The bytes do not pass through this machine."""
        from google.api_core.exceptions import PreconditionFailed

        source, target = self._load_blob(source_url), self._blob(target_url)
        token: str | None = None
        try:
            with translate_errors(source_url):
                while True:
                    token, _, _ = target.rewrite(
                        source,
                        token=token,
                        if_source_generation_match=source.generation,
                        **self._call,
                    )
                    if token is None:
                        break
        except PreconditionFailed:
            raise ObjectChanged(source_url, str(source.generation)) from None
        return _stat_of(target)

    def delete(self, url: str, *, generation: str | None = None) -> bool:
        """See `Storage`."""
        from google.api_core.exceptions import PreconditionFailed

        expected = int(generation) if generation is not None else None
        try:
            with translate_errors(url):
                self._blob(url).delete(if_generation_match=expected, **self._call)
        except ObjectMissing:
            return False
        except PreconditionFailed:
            raise ObjectChanged(url, str(generation)) from None
        return True

    def signed_read_url(self, url: str, *, expires_seconds: int) -> str:
        """See `Storage`. Version 4, at most 7 days."""
        return self._signed_url(url, "GET", None, expires_seconds)

    def signed_upload_url(self, url: str, *, content_type: str, expires_seconds: int) -> str:
        """See `Storage`. Version 4, at most 7 days."""
        return self._signed_url(url, "PUT", content_type, expires_seconds)

    def local_path(self, url: str) -> Path | None:  # noqa: ARG002 (asked of every store)
        """None: the objects of a bucket are not files of this machine."""
        return None

    @cached_property
    def connection(self) -> GcsConnection:
        """The connection to Cloud Storage, opened at first use."""
        return connect(self._endpoint, self._project)

    @cached_property
    def _call(self) -> dict[str, Any]:
        return {"retry": retry_of(self._policy), "timeout": self._policy.timeouts}

    def _blob(self, url: str, **options: Any) -> Any:
        _, bucket, name = split_url(url)
        return self.connection.client.bucket(bucket).blob(check_name(url, name), **options)

    def _load_blob(self, url: str) -> Any:
        blob = self._blob(url)
        with translate_errors(url):
            blob.reload(**self._call)
        return blob

    def _pinned_blob(self, url: str, generation: str | None) -> Any:
        blob = self._load_blob(url)
        if generation not in (None, str(blob.generation)):
            raise ObjectChanged(url, generation, str(blob.generation))
        return blob

    def _reader(self, blob: Any) -> RangedReader:
        stat, connection = _stat_of(blob), self.connection
        ranges = GcsRanges(
            connection.session,
            connection.endpoint,
            stat,
            lambda: self.stat(stat.url),
            self._policy,
        )
        return RangedReader(ranges, stat, self._policy)

    def refuse_existing(self, url: str) -> None:
        """Raise `ObjectExists` if the object exists."""
        try:
            self.stat(url)
        except ObjectMissing:
            return
        raise ObjectExists(url)

    def _own_or_refuse(self, url: str, mark: str) -> Any:
        """The existing object, if this upload made it and only the answer was lost."""
        try:
            blob = self._load_blob(url)
        except ObjectMissing:
            raise StorageUnavailable(url, "another process deleted it during the upload") from None
        if (blob.metadata or {}).get(_UPLOAD_MARK) != mark:
            raise ObjectExists(url)
        return blob

    def _signed_url(self, url: str, method: str, content_type: str | None, seconds: int) -> str:
        blob = self._blob(url)
        with translate_errors(url):
            signed: str = blob.generate_signed_url(
                version="v4",
                expiration=timedelta(seconds=seconds),
                method=method,
                content_type=content_type,
                api_access_endpoint=self.connection.endpoint,
                **signer_arguments(self.connection, self._signing_credentials),
            )
        return signed


def _stat_of(blob: Any) -> ObjectStat:
    return ObjectStat(
        url=join_url("gs", blob.bucket.name, blob.name),
        # Some servers omit a size of zero.
        size_bytes=int(blob.size or 0),
        generation=str(blob.generation),
        content_type=blob.content_type,
        updated_at=blob.updated or blob.time_created or datetime.now(UTC),
    )


def _bucket_missing(url: str) -> Reject:
    return Reject(
        BUCKET_MISSING, f"{url}: this bucket does not exist. Create it, or correct the name."
    )
