"""One picture that stands for a recording or a clip."""

from __future__ import annotations

from pathlib import Path

from shared.domain.media_info import MediaInfo
from shared.errors import MediaError
from shared.media.input import MediaInput
from shared.media.sandbox.runner import Limits, run_operation

_SMALLEST_JPEG_BYTES = 100


def make_thumbnail(
    source: MediaInput,
    info: MediaInfo,
    *,
    workdir: Path,
    limits: Limits,
    deadline_seconds: float,
) -> Path | None:
    """A JPEG in `workdir`, upright, its long side at most 1280 pixels (never enlarged), even sides.

    Of keyframes spread over the file, dark and flat ones count last and the sharpest wins. A file
    without moving pictures gives its cover art, or None.

    Raises Reject (`damaged_media`, `too_many_pixels`, `media_too_costly`) and MediaError.
    """
    if info.video is None and not info.has_cover_art:
        return None
    path = workdir / "thumbnail.jpg"
    request = {
        "location": source.location,
        "output": str(path),
        "duration": info.duration_seconds,
        "threads": limits.threads,
    }
    reply = run_operation("thumbnail", request, limits=limits, deadline_seconds=deadline_seconds)
    if reply["width"] is None:
        return None
    if not path.exists() or path.stat().st_size < _SMALLEST_JPEG_BYTES:
        raise MediaError("The thumbnail was reported written but is not there.")
    return path
