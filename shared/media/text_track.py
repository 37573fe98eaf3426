"""Extract text tracks from a media file."""

from __future__ import annotations

from shared.domain.media_info import MediaInfo, SubtitleStream
from shared.error_codes.videos import SUBTITLES_TOO_LARGE
from shared.errors import Reject
from shared.media.input import MediaInput
from shared.media.sandbox.arguments import text_arguments
from shared.media.sandbox.runner import Sandbox, stream_ffmpeg

_MAX_TEXT_BYTES = 32 * 1024**2


def extract_text_track(
    source: MediaInput,
    info: MediaInfo,
    stream: SubtitleStream,
    *,
    sandbox: Sandbox,
) -> str:
    """The track as SRT text, with times on the video's timeline. Reads the file end to end.

    Raises Reject (`damaged_media`, `subtitles_too_large` past 32 MiB) and MediaError.
    """
    arguments = text_arguments(source.location, info, stream, sandbox.limits)
    with stream_ffmpeg(arguments, sandbox=sandbox) as stdout:
        text = stdout.read(_MAX_TEXT_BYTES + 1)
        if len(text) > _MAX_TEXT_BYTES:
            raise Reject(
                SUBTITLES_TOO_LARGE,
                "The file's subtitle track is larger than 32 MiB. Remove it and upload "
                "the file again.",
            )
    return text.decode("utf-8", errors="replace")
