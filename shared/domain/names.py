"""Build and parse identifiers and object names. No other module does.

Identifiers are derived, never random: the same source, configuration or span always yields the same
identifier, so a repeated attempt cannot make anything twice.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

_MAX_SLUG = 48


def digest(*parts: str) -> str:
    """SHA-256 over the parts, each prefixed by its length: 64 hexadecimal characters."""
    state = hashlib.sha256()
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        state.update(len(encoded).to_bytes(8, "big"))
        state.update(encoded)
    return state.hexdigest()


def digest_of(values: Mapping[str, object]) -> str:
    """SHA-256 over canonical JSON: sorted keys, no spaces, no NaN."""
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return digest(text)


def slug(text: str) -> str:
    """At most 48 letters a-z, digits and hyphens; `video` if the text has none of them."""
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")
    return words[:_MAX_SLUG].strip("-") or "video"


def video_identifier(source_url: str, generation: str, stem: str) -> str:
    """A readable identifier, unique for (bucket, object, generation)."""
    return f"{slug(stem)}-{digest(source_url, generation)[:10]}"


def moment_identifier(video: str, config_hash: str, start: float, end: float) -> str:
    """16 hexadecimal characters for (video, config, span to the millisecond)."""
    return digest(video, config_hash, f"{start:.3f}", f"{end:.3f}")[:16]


def pipeline_identifier(video: str, request: Mapping[str, object]) -> str:
    """The identifier of a run; the same request for the same video yields the same one."""
    return f"pipeline:{video}:{digest_of(request)[:12]}"


def clip_folder(derived_url: str, video: str, moment: str) -> str:
    """The folder for all attempts at one clip; the clip's row names the valid one."""
    return f"{derived_url}/clips/{video}/{moment}/"


def clip_url(derived_url: str, video: str, moment: str, attempt: str, suffix: str) -> str:
    """The URL of one attempt; an overtaken attempt cannot overwrite the winner."""
    return f"{clip_folder(derived_url, video, moment)}{attempt}.{suffix}"


def thumbnail_folder(derived_url: str, video: str, subject: str) -> str:
    """The folder for all attempts at one thumbnail; `subject` is the moment, or `video`."""
    return f"{derived_url}/thumbnails/{video}/{subject}/"


def thumbnail_url(derived_url: str, video: str, subject: str, attempt: str) -> str:
    """The URL of one attempt at the thumbnail of the video or of a moment's clip."""
    return f"{thumbnail_folder(derived_url, video, subject)}{attempt}.jpg"


def temporary_folder(derived_url: str, pipeline: str) -> str:
    """The folder whose objects are deleted when the run ends."""
    return f"{derived_url}/temporary/{pipeline.replace(':', '/')}/"


def slice_url(derived_url: str, pipeline: str, attempt: str, index: int) -> str:
    """The URL of one slice of the run's audio."""
    return f"{temporary_folder(derived_url, pipeline)}audio/{attempt}/{index:05d}.wav"


def plan_name(*parts: str) -> str:
    """8 characters of an object's name that identify its inputs."""
    return digest(*parts)[:8]


def derived_folders(video: str) -> tuple[str, ...]:
    """The folders of the derived bucket that hold the objects of a video and its runs."""
    return (f"clips/{video}/", f"thumbnails/{video}/", f"temporary/pipeline/{video}/")


ObjectKind = Literal["clip", "thumbnail", "slice"]

FOLDERS = ("clips/", "thumbnails/", "temporary/")

_VIDEO = r"(?P<video>[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?-[0-9a-f]{10})"
_MOMENT = r"[0-9a-f]{16}"
_PLAN = r"[0-9a-f]{8}"
_ATTEMPT = r"[0-9]{2,}-(?P<token>[0-9a-f]{10})"
_PATTERNS: dict[ObjectKind, re.Pattern[str]] = {
    "clip": re.compile(rf"clips/{_VIDEO}/{_MOMENT}/{_PLAN}-{_ATTEMPT}\.[a-z0-9]{{2,4}}"),
    "thumbnail": re.compile(rf"thumbnails/{_VIDEO}/(?:{_MOMENT}|video)/{_PLAN}-{_ATTEMPT}\.jpg"),
    "slice": re.compile(
        rf"temporary/pipeline/{_VIDEO}/(?P<request>[0-9a-f]{{12}})/audio/{_ATTEMPT}/[0-9]{{5,}}\.wav"
    ),
}


@dataclass(frozen=True, slots=True)
class OwnName:
    """The parts of an object's name in the derived bucket.

    `token` is the beginning of the lease token of the attempt that stored the object. `pipeline` is
    the run that a slice belongs to; None for an object that outlives its run.
    """

    kind: ObjectKind
    video: str
    token: str
    pipeline: str | None


def own_name(name: str) -> OwnName | None:
    """Parse the name of an object of the derived bucket; None if it is not a name built here."""
    for kind, pattern in _PATTERNS.items():
        found = pattern.fullmatch(name)
        if found is not None:
            request = found["request"] if kind == "slice" else None
            pipeline = f"pipeline:{found['video']}:{request}" if request else None
            return OwnName(kind, found["video"], found["token"], pipeline)
    return None
