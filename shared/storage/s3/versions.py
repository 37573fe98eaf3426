"""What makes one version of an S3 object: its version, or, in a bucket without them, its ETag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """`version_id` is None where the bucket keeps no versions; `etag` is without its quotes."""

    version_id: str | None
    etag: str

    @property
    def generation(self) -> str:
        """The generation by which the rest of the project knows it."""
        return self.version_id or self.etag

    @property
    def pin(self) -> dict[str, str]:
        """Arguments of a read by which nothing but this version is answered."""
        version = {"VersionId": self.version_id} if self.version_id else {}
        return {"IfMatch": f'"{self.etag}"', **version}

    def matches(self, generation: str) -> bool:
        """Whether this is that generation; events may name the ETag though there is a version."""
        return generation.strip('"') in (self.version_id, self.etag)


def version_of(answer: Mapping[str, Any]) -> Version:
    """The version that an answer, or an entry of a listing, is about."""
    version_id = answer.get("VersionId")
    # "null" is what objects from before versioning, or while it is suspended, are called.
    return Version(None if version_id == "null" else version_id, str(answer["ETag"]).strip('"'))
