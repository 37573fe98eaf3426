"""The audio of a video, stored in slices until each is transcribed."""

from __future__ import annotations

from collections.abc import Iterator

from shared.domain.media_info import MediaInfo
from shared.domain.names import slice_url
from shared.media.audio import split_audio
from shared.media.input import MediaInput
from shared.messages.transcripts import AudioSliced
from shared.videos.video_job import VideoJob


def store_slices(job: VideoJob, source: MediaInput, info: MediaInfo) -> Iterator[AudioSliced]:
    """Cut and store the slices one by one. Each message counts the slices so far."""
    pieces = split_audio(
        source,
        info,
        target_slice_seconds=job.settings.slice_seconds,
        workdir=job.workdir,
        sandbox=job.sandbox,
    )
    for piece in pieces:
        url = slice_url(job.context.derived_url, job.run.identifier, job.attempt_name, piece.index)
        stat = job.store(piece.path, url, content_type="audio/wav")
        # The disk of a function is its memory.
        piece.path.unlink()
        yield job.message(
            AudioSliced,
            slice_url=stat.url,
            slice_generation=stat.generation,
            index=piece.index,
            count=piece.index + 1,
            start_seconds=piece.start_seconds,
            end_seconds=piece.end_seconds,
        )
