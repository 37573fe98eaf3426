"""Subtitles that came with the video: a file beside it, or a text track inside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import structlog

from shared.domain.media_info import MediaInfo, SubtitleStream
from shared.engines.speech.captions import Captions, parse_captions
from shared.engines.speech.joining import UNDETERMINED
from shared.engines.speech.language import language_code
from shared.engines.speech.subtitles import MAX_FILE_BYTES, read_subtitles, why_unusable
from shared.errors import ObjectMissing, Reject
from shared.media.input import MediaInput
from shared.media.subtitles import extract_text_track
from shared.storage.urls import split_url
from shared.videos.source import limits
from shared.videos.subtitle_files import SUFFIXES, beside
from shared.videos.video_job import VideoJob

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Found:
    """Captions, or a clause that says why there are none in what was found at `place`."""

    place: str
    captions: Captions | None
    reason: str = ""


def find_captions(job: VideoJob, source: MediaInput, info: MediaInfo) -> Captions | None:
    """The first captions that are good enough by the setting, a file's before a track's.

    What was found and is not good enough is noted, with the reason.
    """
    wanted = job.settings.subtitles
    if wanted == "never":
        return None
    for found in _candidates(job, source, info):
        captions, reason = found.captions, found.reason
        if captions is not None:
            reason = why_unusable(captions, info.duration_seconds) or ""
            if not reason:
                return captions
            if wanted == "always" and captions.transcript.words:
                _note(job, f"{found.place} were used, though {reason}", reason)
                return captions
        _note(job, f"{found.place} were not used: {reason}", reason)
    return None


def _note(job: VideoJob, text: str, reason: str) -> None:
    # Names of files are the users' own, and stay out of the log.
    _log.info("subtitles not good", reason=reason)
    job.note(
        f"{text.removesuffix('.')}. Corrected ones are read after "
        f"`videomoments delete {job.video.identifier}`, when the file is run again."
    )


def _candidates(job: VideoJob, source: MediaInput, info: MediaInfo) -> Iterator[_Found]:
    for suffix in SUFFIXES:
        found = _beside(job, suffix)
        if found is not None:
            yield found
    for track in info.subtitles:
        yield _inside(job, source, info, track)


def _inside(job: VideoJob, source: MediaInput, info: MediaInfo, track: SubtitleStream) -> _Found:
    place = "The subtitles inside the file"
    try:
        text = extract_text_track(
            source, info, track, limits=limits(job), deadline_seconds=job.remaining_seconds
        )
    except Reject as reject:
        return _Found(place, None, reject.message)
    language = language_code(track.language) or job.settings.language or UNDETERMINED
    return _Found(place, parse_captions(text.encode(), language=language))


def _beside(job: VideoJob, suffix: str) -> _Found | None:
    url = beside(job.video.cloud_url, suffix)
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
    return f"they have {megabytes:.1f} MB, and subtitles may have {most:.0f} MB"
