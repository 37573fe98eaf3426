"""Tells the objects this pipeline makes from all others, by the names that `names` builds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["clip", "thumbnail", "slice"]

_VIDEO = r"(?P<video>[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?-[0-9a-f]{10})"
_MOMENT = r"[0-9a-f]{16}"
_PLAN = r"[0-9a-f]{8}"
_ATTEMPT = r"[0-9]{2,}-(?P<token>[0-9a-f]{10})"
_PATTERNS: dict[Kind, re.Pattern[str]] = {
    "clip": re.compile(rf"clips/{_VIDEO}/{_MOMENT}/{_PLAN}-{_ATTEMPT}\.[a-z0-9]{{2,4}}"),
    "thumbnail": re.compile(rf"thumbnails/{_VIDEO}/(?:{_MOMENT}|video)/{_PLAN}-{_ATTEMPT}\.jpg"),
    "slice": re.compile(
        rf"temporary/pipeline/{_VIDEO}/(?P<request>[0-9a-f]{{12}})/audio/{_ATTEMPT}/[0-9]{{5,}}\.wav"
    ),
}
FOLDERS = ("clips/", "thumbnails/", "temporary/")


@dataclass(frozen=True, slots=True)
class OwnName:
    """What a name of ours says. `token` begins the lease token of the attempt that stored it;
    `pipeline` is the run a slice belongs to, None for what outlives its run."""

    kind: Kind
    video: str
    token: str
    pipeline: str | None


def own_name(name: str) -> OwnName | None:
    """What the name of an object of the derived bucket says; None unless it is exactly ours."""
    for kind, pattern in _PATTERNS.items():
        found = pattern.fullmatch(name)
        if found is not None:
            request = found["request"] if kind == "slice" else None
            pipeline = f"pipeline:{found['video']}:{request}" if request else None
            return OwnName(kind, found["video"], found["token"], pipeline)
    return None
