"""Object URLs: split, joined and checked without a request to any store.

`gs://` and `s3://` URLs carry the name as it is, as their own tools do; `file://` URLs carry it
percent-encoded, exactly as `Path.as_uri` does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote_to_bytes

from shared.error_codes.storage import BAD_OBJECT_NAME, BAD_OBJECT_URL
from shared.errors import Reject

MAX_NAME_BYTES = 1024
_FILE = "file"


class ObjectUrl(NamedTuple):
    """The parts of an object's URL.

    A `file://` URL does not show where its bucket ends: there `bucket` is empty and `name` is the
    absolute path without its leading slash. `join_url` restores the URL.
    """

    scheme: str
    bucket: str
    name: str


def split_url(url: str) -> ObjectUrl:
    """Split a URL into its parts. Raises `Reject` if it does not name a bucket."""
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme:
        raise Reject(BAD_OBJECT_URL, f"{url!r} is not an object URL. Write gs://bucket/name.")
    if scheme == _FILE:
        return ObjectUrl(_FILE, "", _file_path(url, rest)[1:])
    bucket, _, name = rest.partition("/")
    if not bucket:
        raise Reject(
            BAD_OBJECT_URL, f"{url!r} does not name a bucket. Write {scheme}://bucket/name."
        )
    return ObjectUrl(scheme, bucket, name)


def join_url(scheme: str, bucket: str, name: str) -> str:
    """The URL of the object of that name; the inverse of `split_url`."""
    if scheme != _FILE:
        return f"{scheme}://{bucket}/{name}"
    path = f"{bucket}/{name}" if bucket else name
    return f"file:///{quote(os.fsencode(path), safe='/')}"


def folder_url(root: Path, bucket: str) -> str:
    """The URL, without a trailing slash, of the bucket that is a folder under `root`."""
    return join_url(_FILE, "", str(root.resolve() / bucket)[1:])


def path_of(url: str) -> Path | None:
    """The file that a `file://` URL points at, or None for another scheme.

    A name that a file system cannot hold is stored at another path, which `Storage.local_path`
    returns.
    """
    scheme, _, name = split_url(url)
    return Path("/" + name) if scheme == _FILE else None


def check_name(url: str, name: str) -> str:
    """Return `name` if it is a valid object name. Raises `Reject` with the reason if not.

    Limits: https://cloud.google.com/storage/docs/objects#naming and the S3 user guide, "Naming
    Amazon S3 objects".
    """
    fault = _fault(url.partition("://")[0], name)
    if fault:
        raise Reject(BAD_OBJECT_NAME, f"{url!r}: {fault}. Give the object another name.")
    return name


def _fault(scheme: str, name: str) -> str | None:
    if not name:
        return "the name is empty"
    if "\0" in name:
        return "the name contains a NUL"
    try:
        encoded = os.fsencode(name) if scheme == _FILE else name.encode()
    except UnicodeEncodeError:
        return "the name is not valid Unicode"
    if len(encoded) > MAX_NAME_BYTES:
        return f"the name has {len(encoded)} bytes, more than {MAX_NAME_BYTES}"
    if scheme == "gs" and (name in (".", "..") or "\n" in name or "\r" in name):
        return "Cloud Storage does not accept a name with line breaks, nor '.' or '..'"
    return None


def _file_path(url: str, rest: str) -> str:
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise Reject(
            BAD_OBJECT_URL,
            f"{url!r} does not name a file on this machine. Write file:///folder/name.",
        )
    return slash + os.fsdecode(unquote_to_bytes(path.encode("utf-8", "surrogateescape")))
