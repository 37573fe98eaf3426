"""The objects of the strict Cloud Storage server, and the rules that it enforces on them."""

from __future__ import annotations

import base64
import itertools
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import google_crc32c

_counter = itertools.count(1_700_000_000_000_000)


def next_number() -> int:
    """A generation, or the name of an upload: larger than all before."""
    return next(_counter)


class Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class FakeObject:
    bucket: str
    name: str
    data: bytes
    content_type: str
    metadata: dict[str, str] = field(default_factory=dict)
    claimed_crc32c: str | None = None
    generation: int = field(default_factory=next_number)
    updated: str = field(
        default_factory=lambda: datetime.now(UTC).isoformat().replace("+00:00", "Z")
    )

    @property
    def resource(self) -> dict[str, Any]:
        return {
            "kind": "storage#object",
            "bucket": self.bucket,
            "name": self.name,
            "size": str(len(self.data)),
            "generation": str(self.generation),
            "metageneration": "1",
            "contentType": self.content_type,
            "metadata": self.metadata,
            "crc32c": self.claimed_crc32c or crc32c(self.data),
            "updated": self.updated,
            "timeCreated": self.updated,
        }


def crc32c(data: bytes) -> str:
    """The checksum as the JSON API writes it."""
    return base64.b64encode(google_crc32c.Checksum(data).digest()).decode()  # type: ignore[no-untyped-call]


class Objects:
    """Buckets of objects; every change is atomic."""

    def __init__(self) -> None:
        self.buckets: dict[str, dict[str, FakeObject]] = {}
        self.lock = threading.Lock()

    def objects(self, bucket: str) -> dict[str, FakeObject]:
        if bucket not in self.buckets:
            raise Refused(404, "The specified bucket does not exist.")
        return self.buckets[bucket]

    def find(self, bucket: str, name: str, query: dict[str, str]) -> FakeObject:
        found = self.objects(bucket).get(name)
        if found is None or query.get("generation", str(found.generation)) != str(found.generation):
            raise Refused(404, f"No such object: {bucket}/{name}")
        expected = query.get("ifGenerationMatch")
        if expected not in (None, str(found.generation)):
            raise Refused(412, "conditionNotMet")
        return found

    def store(self, item: FakeObject, if_generation: str | None) -> FakeObject:
        bad = item.name in (".", "..", "") or set(item.name) & set("\r\n")
        if bad or len(item.name.encode()) > 1024:
            raise Refused(400, f"Invalid object name {item.name!r}")
        with self.lock:
            objects = self.objects(item.bucket)
            there = objects.get(item.name)
            if if_generation is not None and int(if_generation) != (
                there.generation if there else 0
            ):
                raise Refused(412, "conditionNotMet")
            objects[item.name] = item
        return item
