"""Content types by a name's suffix, the same on every machine."""

from __future__ import annotations

from mimetypes import MimeTypes
from pathlib import PurePosixPath

_MEDIA = {
    ".mkv": "video/x-matroska",
    ".mka": "audio/x-matroska",
    ".webm": "video/webm",
    ".m4v": "video/x-m4v",
    ".m4a": "audio/mp4",
    ".ts": "video/mp2t",
    ".flv": "video/x-flv",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".flac": "audio/flac",
    ".aac": "audio/aac",
    ".srt": "application/x-subrip",
    ".vtt": "text/vtt",
    ".webp": "image/webp",
}
# An own table, because the module-level functions also read the system's files.
_TABLE = MimeTypes()


def content_type_of(name: str) -> str | None:
    """The content type by suffix, or None for an unknown suffix."""
    suffix = PurePosixPath(name).suffix.lower()
    return _MEDIA.get(suffix) or _TABLE.types_map[1].get(suffix)
