"""Find a video's subtitles: in a file next to it, or in a text track inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import structlog

from shared.domain.media_info import MediaInfo, SubtitleStream
from shared.engines.speech.join import UNDETERMINED
from shared.engines.speech.language import language_code
from shared.engines.speech.subtitle_cues import Subtitles, parse_subtitles
from shared.engines.speech.subtitle_file import MAX_FILE_BYTES, read_subtitles, why_unusable
from shared.errors import ObjectMissing, Reject
from shared.media.input import MediaInput
from shared.media.text_track import extract_text_track
from shared.storage.urls import split_url
from shared.videos.subtitle_files import SUFFIXES, sibling_url
from shared.videos.video_job import VideoJob

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """Subtitles, or the clause that says why `place` holds no usable ones."""

    place: str
    subtitles: Subtitles | None
    reason: str = ""


def find_subtitles(job: VideoJob, source: MediaInput, info: MediaInfo) -> Subtitles | None:
    """The first subtitles that the setting accepts; a file takes precedence over a track.

    Records a note with the reason for each rejected one.
    """
    wanted = job.settings.subtitles
    if wanted == "never":
        return None
    for found in _candidates(job, source, info):
        subtitles, reason = found.subtitles, found.reason
        if subtitles is not None:
            reason = why_unusable(subtitles, info.duration_seconds) or ""
            if not reason:
                return subtitles
            if wanted == "always" and subtitles.transcript.words:
                _note(job, f"{found.place} were used, though {reason}", reason)
                return subtitles
        _note(job, f"{found.place} were not used: {reason}", reason)
    return None


def _note(job: VideoJob, text: str, reason: str) -> None:
    # File names are private to the user and stay out of the log.
    _log.info("subtitles not good", reason=reason)
    job.note(
        f"{text.removesuffix('.')}. To use corrected ones, run "
        f"`videomoments delete {job.video.identifier}` and then run the file again."
    )


def _candidates(job: VideoJob, source: MediaInput, info: MediaInfo) -> Iterator[_Found]:
    for suffix in SUFFIXES:
        found = _from_file(job, suffix)
        if found is not None:
            yield found
    for track in info.subtitles:
        yield _from_track(job, source, info, track)


def _from_track(
    job: VideoJob, source: MediaInput, info: MediaInfo, track: SubtitleStream
) -> _Found:
    place = "The subtitles inside the file"
    try:
        text = extract_text_track(source, info, track, sandbox=job.sandbox)
    except Reject as reject:
        return _Found(place, None, reject.message)
    language = language_code(track.language) or job.settings.language or UNDETERMINED
    return _Found(place, parse_subtitles(text.encode(), language=language))


def _from_file(job: VideoJob, suffix: str) -> _Found | None:
    url = sibling_url(job.video.cloud_url, suffix)
    place = f"The subtitles in {PurePosixPath(split_url(url).name).name}"
    try:
        stat = job.storage.stat(url)
        if stat.size_bytes > MAX_FILE_BYTES:
            return _Found(place, None, _too_large(stat.size_bytes))
        path: Path = job.workdir / f"subtitles{suffix}"
        job.storage.download(url, path, generation=stat.generation)
    except ObjectMissing:
        return None
    return _Found(place, read_subtitles(path, language=job.settings.language))


def _too_large(size_bytes: int) -> str:
    megabytes, most = size_bytes / 1e6, MAX_FILE_BYTES / 1e6
    return f"they have {megabytes:.1f} MB, but subtitles may have at most {most:.0f} MB"
