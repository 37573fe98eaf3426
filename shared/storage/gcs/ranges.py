"""Ranged reads of one generation of a Cloud Storage object.

They use the JSON API's media download directly, because the client library hides which range and
which generation the server really sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from shared.errors import ObjectChanged, ObjectMissing, StorageUnavailable
from shared.storage.protocol import ObjectStat
from shared.storage.ranged import RangeBody, body_start
from shared.storage.retries import TRANSIENT_STATUSES, Interrupted, RetryPolicy
from shared.storage.urls import split_url

_CHUNK_BYTES = 64 * 1024


class GcsRanges:
    """Reads the generation in `stat`. `stat_now` returns the object's present state."""

    def __init__(
        self,
        session: Any,
        endpoint: str,
        stat: ObjectStat,
        stat_now: Callable[[], ObjectStat],
        policy: RetryPolicy,
    ) -> None:
        _, bucket, name = split_url(stat.url)
        self._address = f"{endpoint}/download/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
        self._session = session
        self._stat = stat
        self._stat_now = stat_now
        self._policy = policy

    @contextmanager
    def fetch(self, start: int, stop: int) -> Iterator[RangeBody]:
        """See `Ranges`."""
        with self._ask(start, stop) as response:
            self._check_status(response)
            self._check_named_generation(response)
            first = body_start(
                response.status_code,
                response.headers.get("Content-Range"),
                start,
                stop,
                self._stat.size_bytes,
            )
            yield RangeBody(first, _chunks(response))
            if "x-goog-generation" not in response.headers:
                # Some servers do not name the generation they send. Generations only grow: if
                # ours is still the present one after the last byte, every byte was ours.
                self._check_unchanged()

    def _ask(self, start: int, stop: int) -> Any:
        import requests
        from google.auth.exceptions import TransportError

        try:
            return self._session.get(
                self._address,
                params={
                    "alt": "media",
                    "generation": self._stat.generation,
                    "ifGenerationMatch": self._stat.generation,
                },
                # Without gzip, the server would decompress objects that are stored with that
                # encoding.
                headers={"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "gzip"},
                stream=True,
                timeout=self._policy.timeouts,
            )
        except (requests.RequestException, TransportError) as error:
            raise Interrupted(f"{type(error).__name__}: {error}") from error

    def _check_status(self, response: Any) -> None:
        status = response.status_code
        if status in (200, 206):
            return
        if status in TRANSIENT_STATUSES:
            raise Interrupted(f"status {status}")
        if status in (404, 412, 416):
            self._explain_absence(status)
        raise StorageUnavailable(self._stat.url, f"status {status}: {response.text[:200]}")

    def _explain_absence(self, status: int) -> None:
        """Raise the reason why the generation cannot be read; `Interrupted` if it still exists."""
        self._check_unchanged()
        if status == 404:
            raise Interrupted("status 404 for an existing object")

    def _check_named_generation(self, response: Any) -> None:
        found = response.headers.get("x-goog-generation")
        if found not in (None, self._stat.generation):
            raise ObjectChanged(self._stat.url, self._stat.generation, found)

    def _check_unchanged(self) -> None:
        try:
            now = self._stat_now()
        except ObjectMissing:
            raise ObjectMissing(self._stat.url) from None
        if now.generation != self._stat.generation:
            raise ObjectChanged(self._stat.url, self._stat.generation, now.generation)


def _chunks(response: Any) -> Iterator[bytes]:
    from urllib3.exceptions import HTTPError

    try:
        yield from response.raw.stream(_CHUNK_BYTES, decode_content=False)
    except (HTTPError, OSError) as error:
        raise Interrupted(f"{type(error).__name__}: {error}") from error
