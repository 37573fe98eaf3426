"""The store that the rest of the project uses: picks an adapter by the URL's scheme."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from io import RawIOBase
from pathlib import Path

from shared.error_codes.storage import COPY_BETWEEN_STORES
from shared.errors import Reject, SettingsError
from shared.storage.protocol import ObjectStat, Storage
from shared.storage.urls import split_url
from shared.telemetry import spans
from shared.telemetry.span import Span


class StorageRouter:
    """A `Storage` of all schemes. Makes each adapter once, when a URL first needs it.

    Every method raises `SettingsError` for a scheme that is unknown, not configured or not
    installed.
    """

    def __init__(
        self,
        *,
        folder_root: Path | None = None,
        gcs_endpoint: str | None = None,
        gcs_project: str | None = None,
        s3_endpoint: str | None = None,
        s3_region: str | None = None,
    ) -> None:
        self._folder_root = folder_root
        self._gcs_endpoint = gcs_endpoint
        self._gcs_project = gcs_project
        self._s3_endpoint = s3_endpoint
        self._s3_region = s3_region
        self._makers: dict[str, Callable[[], Storage]] = {
            "file": self._make_folder,
            "gs": self._make_gcs,
            "s3": self._make_s3,
        }
        self._made: dict[str, Storage] = {}
        self._lock = threading.Lock()

    def stat(self, url: str) -> ObjectStat:
        """See `Storage`."""
        return self.store_of(url).stat(url)

    def open(self, url: str, *, generation: str | None = None) -> RawIOBase:
        """See `Storage`."""
        return self.store_of(url).open(url, generation=generation)

    def download(self, url: str, path: Path, *, generation: str | None = None) -> ObjectStat:
        """See `Storage`."""
        with self._span("download", url) as span:
            stat = self.store_of(url).download(url, path, generation=generation)
            span.set(size_bytes=stat.size_bytes)
            return stat

    def upload(
        self,
        path: Path,
        url: str,
        *,
        content_type: str | None = None,
        only_if_absent: bool = False,
    ) -> ObjectStat:
        """See `Storage`."""
        with self._span("upload", url) as span:
            stat = self.store_of(url).upload(
                path, url, content_type=content_type, only_if_absent=only_if_absent
            )
            span.set(size_bytes=stat.size_bytes)
            return stat

    def list(self, prefix_url: str) -> Iterator[ObjectStat]:
        """See `Storage`."""
        return self.store_of(prefix_url).list(prefix_url)

    def copy(self, source_url: str, target_url: str) -> ObjectStat:
        """See `Storage`. Raises `Reject` if the URLs belong to different stores."""
        store = self.store_of(source_url)
        if store is not self.store_of(target_url):
            raise Reject(
                COPY_BETWEEN_STORES,
                f"{source_url} cannot be copied to {target_url}, in another store. "
                "Download it and upload it there.",
            )
        with self._span("copy", source_url):
            return store.copy(source_url, target_url)

    def delete(self, url: str, *, generation: str | None = None) -> bool:
        """See `Storage`."""
        with self._span("delete", url):
            return self.store_of(url).delete(url, generation=generation)

    def signed_read_url(self, url: str, *, expires_seconds: int) -> str:
        """See `Storage`."""
        return self.store_of(url).signed_read_url(url, expires_seconds=expires_seconds)

    def signed_upload_url(self, url: str, *, content_type: str, expires_seconds: int) -> str:
        """See `Storage`."""
        return self.store_of(url).signed_upload_url(
            url, content_type=content_type, expires_seconds=expires_seconds
        )

    def local_path(self, url: str) -> Path | None:
        """See `Storage`."""
        return self.store_of(url).local_path(url)

    def _span(self, what: str, url: str) -> AbstractContextManager[Span]:
        """A span for a request to a store. Object names belong to the users, and stay out of it."""
        return spans.span(
            f"storage.{what}", {"videomoments.storage": url.partition("://")[0]}, kind="client"
        )

    def store_of(self, url: str) -> Storage:
        """The adapter for that URL."""
        scheme = split_url(url).scheme
        with self._lock:
            if scheme not in self._made:
                self._made[scheme] = self._make(scheme)
            return self._made[scheme]

    def _make(self, scheme: str) -> Storage:
        if scheme not in self._makers:
            known = ", ".join(f"{name}://" for name in self._makers)
            raise SettingsError(f"No object store for {scheme}:// URLs. There are {known}.")
        return self._makers[scheme]()

    def _make_folder(self) -> Storage:
        from shared.storage.folder.store import FolderStorage

        if self._folder_root is None:
            raise SettingsError(
                "file:// URLs need a bucket folder: set VIDEOMOMENTS_FOLDER_ROOT to the folder "
                "whose sub-folders are the buckets."
            )
        return FolderStorage(self._folder_root)

    def _make_gcs(self) -> Storage:
        _require("google.cloud.storage", "gs", "gcp")
        from shared.storage.gcs.store import GcsStorage

        return GcsStorage(endpoint=self._gcs_endpoint, project=self._gcs_project)

    def _make_s3(self) -> Storage:
        _require("boto3", "s3", "aws")
        from shared.storage.s3.store import S3Storage

        return S3Storage(endpoint=self._s3_endpoint, region=self._s3_region)


def _require(module: str, scheme: str, extra: str) -> None:
    from importlib import import_module

    try:
        import_module(module)
    except ImportError as error:
        raise SettingsError(
            f"{scheme}:// URLs need the extra `{extra}`: pip install 'videomoments[{extra}]'."
        ) from error
