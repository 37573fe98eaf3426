"""Objects as files: each first-level folder below the root is a bucket.

Files of other programs are objects too, under their own names. Hidden and unfinished files (see
`disk_names`) are not objects, and neither is a symbolic link's target outside the root.
"""

from __future__ import annotations

import os
import stat as modes
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from io import RawIOBase
from pathlib import Path

from shared.error_codes.storage import BAD_OBJECT_URL
from shared.errors import ObjectChanged, ObjectMissing, Reject
from shared.storage.content_types import content_type_of
from shared.storage.folder.disk_names import is_plain, to_path
from shared.storage.folder.link_server import LinkServer
from shared.storage.folder.listing import list_names
from shared.storage.folder.reader import FolderReader, generation_of
from shared.storage.folder.writer import FolderWriter
from shared.storage.local_file import pour, whole_file
from shared.storage.protocol import ObjectStat
from shared.storage.urls import check_name, join_url, split_url


class FolderStorage:
    """The `file://` adapter.

    A generation is the file's modification time, size and inode. Our own uploads never share a
    modification time; when another program overwrites a file, the file system's clock changes it.
    """

    def __init__(self, root: Path) -> None:
        """The first upload creates the folder `root`."""
        self.root = root.resolve()
        self._roots = (f"{self.root}/", f"{root.absolute()}/")
        self._writer = FolderWriter(self.root)

    def stat(self, url: str) -> ObjectStat:
        """See `Storage`."""
        with self.open(url) as reader:
            return reader.stat

    def open(self, url: str, *, generation: str | None = None) -> FolderReader:
        """See `Storage`. The reader of an overwritten file still returns the old bytes."""
        path = self._path(url)
        try:
            # Without O_NONBLOCK, opening a pipe that has no writer would block for ever.
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            raise ObjectMissing(url) from None
        status = os.fstat(descriptor)
        if not modes.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise ObjectMissing(url)
        reader = FolderReader(descriptor, self._stat(self._canonical(url), status))
        if generation not in (None, reader.stat.generation):
            reader.close()
            raise ObjectChanged(url, generation, reader.stat.generation)
        return reader

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
        content_type: str | None = None,  # noqa: ARG002 (a file has none)
        only_if_absent: bool = False,
    ) -> ObjectStat:
        """See `Storage`. Does not keep the content type, which follows from the name's suffix."""
        with path.open("rb", buffering=0) as source:
            return self._put(source, url, only_if_absent=only_if_absent)

    def list(self, prefix_url: str) -> Iterator[ObjectStat]:
        """See `Storage`."""
        bucket, prefix = self._split(prefix_url)
        folder = self.root / bucket
        for name in list_names(folder, prefix):
            try:
                status = (folder / to_path(name)).stat()
            except OSError:
                continue  # deleted since the listing
            yield self._stat(self._join(bucket, name), status)

    def copy(self, source_url: str, target_url: str) -> ObjectStat:
        """See `Storage`."""
        with self.open(source_url) as source:
            return self._put(source, target_url, only_if_absent=False)

    def delete(self, url: str, *, generation: str | None = None) -> bool:
        """See `Storage`. Also deletes folders that become empty, since an object store has none."""
        if generation is not None:
            try:
                present = self.stat(url).generation
            except ObjectMissing:
                return False
            if present != generation:
                raise ObjectChanged(url, generation, present)
        return self._writer.remove(self._path(url), self._split(url)[0])

    def signed_read_url(self, url: str, *, expires_seconds: int) -> str:
        """See `Storage`. A loopback URL that works until this process ends."""
        return self._links.sign("GET", self.stat(url).url, None, expires_seconds)

    def signed_upload_url(self, url: str, *, content_type: str, expires_seconds: int) -> str:
        """See `Storage`. A loopback URL that works until this process ends."""
        self._path(url)
        return self._links.sign("PUT", self._canonical(url), content_type, expires_seconds)

    def local_path(self, url: str) -> Path | None:
        """The object's own file, or None if it does not exist."""
        path = self._path(url)
        return path if path.is_file() else None

    def close(self) -> None:
        """Stop serving signed URLs."""
        if "_links" in self.__dict__:
            self._links.close()

    @cached_property
    def _links(self) -> LinkServer:
        return LinkServer(self)

    def _put(self, source: RawIOBase, url: str, *, only_if_absent: bool) -> ObjectStat:
        target = self._path(url)
        status = self._writer.put(source, target, url, only_if_absent=only_if_absent)
        return self._stat(self._canonical(url), status)

    def _split(self, url: str) -> tuple[str, str]:
        path = "/" + split_url(url).name
        for root in self._roots:
            if path.startswith(root):
                bucket, _, name = path.removeprefix(root).partition("/")
                if is_plain(bucket):
                    return bucket, name
        raise Reject(
            BAD_OBJECT_URL,
            f"{url!r} does not name an object below the bucket folder {self.root}. "
            f"Write {join_url('file', '', str(self.root)[1:])}/bucket/name.",
        )

    def _join(self, bucket: str, name: str) -> str:
        return join_url("file", "", f"{self.root}/{bucket}/{name}"[1:])

    def _canonical(self, url: str) -> str:
        return self._join(*self._split(url))

    def _path(self, url: str) -> Path:
        bucket, name = self._split(url)
        path = (self.root / bucket / to_path(check_name(url, name))).resolve()
        if not path.is_relative_to(self.root):
            raise ObjectMissing(url)  # a symbolic link leads out of the root
        return path

    @staticmethod
    def _stat(url: str, status: os.stat_result) -> ObjectStat:
        return ObjectStat(
            url=url,
            size_bytes=status.st_size,
            generation=generation_of(status),
            content_type=content_type_of(url),
            updated_at=datetime.fromtimestamp(status.st_mtime, UTC),
        )
