"""Ranged reads of one version of an S3 object."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.errors import ObjectChanged
from shared.storage.protocol import ObjectStat
from shared.storage.ranged import RangeBody, body_start
from shared.storage.retries import Interrupted
from shared.storage.s3.connection import is_transient, translate_errors
from shared.storage.s3.versions import Version, version_of
from shared.storage.urls import split_url

_CHUNK_BYTES = 64 * 1024


class S3Ranges:
    """Reads the version in `stat`. `client` must not retry on its own, because the reader does."""

    def __init__(self, client: Any, stat: ObjectStat, version: Version) -> None:
        self._client = client
        self._stat = stat
        self._version = version

    @contextmanager
    def fetch(self, start: int, stop: int) -> Iterator[RangeBody]:
        """See `Ranges`."""
        answer = self._ask(start, stop)
        try:
            self._check_version(answer)
            first = body_start(
                answer["ResponseMetadata"]["HTTPStatusCode"],
                answer.get("ContentRange"),
                start,
                stop,
                self._stat.size_bytes,
            )
            yield RangeBody(first, _chunks(answer["Body"]))
        finally:
            answer["Body"].close()

    def _ask(self, start: int, stop: int) -> Any:
        from botocore.exceptions import ClientError, HTTPClientError
        from botocore.parsers import ResponseParserError

        _, bucket, name = split_url(self._stat.url)
        with translate_errors(self._stat.url):
            try:
                return self._client.get_object(
                    Bucket=bucket, Key=name, Range=f"bytes={start}-{stop - 1}", **self._version.pin
                )
            except ClientError as error:
                if is_transient(error):
                    raise Interrupted(str(error)) from error
                raise
            except (HTTPClientError, ResponseParserError) as error:
                raise Interrupted(f"{type(error).__name__}: {error}") from error

    def _check_version(self, answer: Any) -> None:
        found = version_of(answer)
        if found != self._version:
            raise ObjectChanged(self._stat.url, self._stat.generation, found.generation)


def _chunks(body: Any) -> Iterator[bytes]:
    from botocore.exceptions import BotoCoreError
    from urllib3.exceptions import HTTPError

    try:
        yield from body.iter_chunks(_CHUNK_BYTES)
    except (BotoCoreError, HTTPError, OSError) as error:
        raise Interrupted(f"{type(error).__name__}: {error}") from error
