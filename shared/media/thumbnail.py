"""Make the thumbnail of a video or a clip."""

from __future__ import annotations

from pathlib import Path

from shared.domain.media_info import MediaInfo
from shared.errors import MediaError
from shared.media.input import MediaInput
from shared.media.sandbox.runner import Sandbox, run_operation

_SMALLEST_JPEG_BYTES = 100


def make_thumbnail(
    source: MediaInput,
    info: MediaInfo,
    *,
    workdir: Path,
    sandbox: Sandbox,
) -> Path | None:
    """Write a JPEG into `workdir`: upright, even sides, the long side at most 1280 pixels.

    The picture is the sharpest of some keyframes spread over the file; dark and flat ones come
    last. It is never enlarged. A file without moving pictures yields its cover art, or None.

    Raises Reject (`damaged_media`, `too_many_pixels`, `media_too_costly`) and MediaError.
    """
    if info.video is None and not info.has_cover_art:
        return None
    path = workdir / "thumbnail.jpg"
    request = {
        "location": source.location,
        "output": str(path),
        "duration": info.duration_seconds,
        "threads": sandbox.limits.threads,
    }
    reply = run_operation("thumbnail", request, sandbox=sandbox)
    if reply["width"] is None:
        return None
    if not path.exists() or path.stat().st_size < _SMALLEST_JPEG_BYTES:
        raise MediaError("The thumbnail was reported written but is not there.")
    return path
