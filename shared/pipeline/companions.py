"""Subtitles that came with the video: a file beside it, or a text track inside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import structlog

from shared.domain.captions import Captions, parse_captions
from shared.domain.joining import UNDETERMINED
from shared.domain.media_info import MediaInfo
from shared.errors import ObjectMissing, Reject
from shared.media.source import MediaInput
from shared.media.subtitles import extract_text_track
from shared.pipeline.job import Job
from shared.pipeline.source import limits
from shared.speech.language import language_code
from shared.speech.subtitles import MAX_FILE_BYTES, read_subtitles, why_unusable
from shared.storage.urls import join_url, split_url

_log = structlog.get_logger(__name__)
SUFFIXES = (".srt", ".vtt")


def find_captions(job: Job, source: MediaInput, info: MediaInfo) -> Captions | None:
    """The first captions that are good enough by the setting, a file's before a track's."""
    wanted = job.settings.subtitles
    if wanted == "never":
        return None
    for origin, captions in _candidates(job, source, info):
        if wanted == "always" and captions.transcript.words:
            return captions
        reason = why_unusable(captions, info.duration_seconds)
        if reason is None:
            return captions
        _log.info("subtitles not used", origin=origin, reason=reason)
    return None


def _candidates(job: Job, source: MediaInput, info: MediaInfo) -> Iterator[tuple[str, Captions]]:
    for suffix in SUFFIXES:
        captions = _beside(job, suffix)
        if captions is not None:
            yield f"a {suffix} file", captions
    for track in info.subtitles:
        try:
            text = extract_text_track(
                source,
                info,
                track,
                limits=limits(job),
                deadline_seconds=job.remaining_seconds,
            )
        except Reject as reject:
            _log.info("subtitles not used", origin="a text track", reason=reject.message)
            continue
        language = language_code(track.language) or job.settings.language or UNDETERMINED
        yield "a text track", parse_captions(text.encode(), language=language)


def _beside(job: Job, suffix: str) -> Captions | None:
    scheme, bucket, name = split_url(job.video.cloud_url)
    url = join_url(scheme, bucket, str(PurePosixPath(name).with_suffix(suffix)))
    try:
        stat = job.storage.stat(url)
        if stat.size_bytes > MAX_FILE_BYTES:
            _log.info("subtitles not used", origin=f"a {suffix} file", reason="it is too large")
            return None
        path: Path = job.workdir / f"subtitles{suffix}"
        job.storage.download(url, path, generation=stat.generation)
    except ObjectMissing:
        return None
    return read_subtitles(path, language=job.settings.language)
