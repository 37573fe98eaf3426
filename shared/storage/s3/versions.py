"""The identity of an S3 object's version: its version id or, in a bucket without them, its ETag."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Version:
    """`version_id` is None if the bucket keeps no versions; `etag` has no quotes."""

    version_id: str | None
    etag: str

    @property
    def generation(self) -> str:
        """The generation that the rest of the project sees."""
        return self.version_id or self.etag

    @property
    def pin(self) -> dict[str, str]:
        """Arguments that restrict a read to this version."""
        version = {"VersionId": self.version_id} if self.version_id else {}
        return {"IfMatch": f'"{self.etag}"', **version}

    def matches(self, generation: str) -> bool:
        """Whether this is that generation. An event may name the ETag in place of the version."""
        return generation.strip('"') in (self.version_id, self.etag)


def version_of(answer: Mapping[str, Any]) -> Version:
    """The version that a response, or an entry of a listing, refers to."""
    version_id = answer.get("VersionId")
    # S3 names versions "null" that were written before versioning or while it is suspended.
    return Version(None if version_id == "null" else version_id, str(answer["ETag"]).strip('"'))
