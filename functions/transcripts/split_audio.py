"""video-probed → the audio in slices short enough to be heard one by one."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import select

from shared.db.models import Transcript
from shared.domain.media_info import MediaInfo
from shared.domain.names import slice_url
from shared.engines.speech.captions import Captions
from shared.engines.speech.subtitles import SERVICE
from shared.media.audio import split_audio as split
from shared.media.input import MediaInput
from shared.media.probe import probe
from shared.messages.transcripts import AudioSliced, VideoTranscribed
from shared.messages.videos import VideoProbed
from shared.pipeline.stage import Resources, stage
from shared.transcripts.rows import transcript_row, write_once
from shared.transcripts.subtitles import find_captions
from shared.videos.source import limits, open_source
from shared.videos.video_job import VideoJob


@stage(
    does="taking out the sound",
    consumes=[VideoProbed],
    emits=[AudioSliced, VideoTranscribed],
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=300, cpu=2, memory_mib=2048),
    needs=["uploads"],
    decides_moments=True,
)
def split_audio(message: VideoProbed, job: VideoJob) -> None:
    """Read the source once, end to end; skip what is known, written or not there to be heard."""
    known = _known_speech(job)
    if known is not None:
        _go_on(job, has_speech=known)
        return
    with open_source(job) as source:
        info = probe(source, limits=limits(job), deadline_seconds=job.remaining_seconds)
        captions = find_captions(job, source, info)
        slices: list[AudioSliced] = []
        if captions is None and info.audio is not None:
            slices = list(_slices(job, source, info))
    if captions is not None:
        _write(job, captions)
    elif slices:
        with job.finish() as done:
            # Tells the clean-up that there are temporary objects.
            done.result = {"slices": len(slices)}
            for piece in slices:
                done.emit(piece.model_copy(update={"count": len(slices)}))
    else:
        _go_on(job, has_speech=False, skipped="The file has no audio.")


def _known_speech(job: VideoJob) -> bool | None:
    """Whether the transcript there is has words; None when there is none yet."""
    with job.read() as session:
        return session.execute(
            select(Transcript.number_of_words > 0).where(Transcript.video_id == job.video.id)
        ).scalar_one_or_none()


def _go_on(job: VideoJob, *, has_speech: bool, skipped: str | None = None) -> None:
    with job.finish(skipped=skipped) as done:
        done.emit(_transcribed(job, has_speech=has_speech))


def _write(job: VideoJob, captions: Captions) -> None:
    with job.finish() as done:
        row = transcript_row(job.video.id, captions.transcript, service=SERVICE, seconds=0.0)
        write_once(done.session, row)
        done.emit(_transcribed(job, has_speech=bool(captions.transcript.words)))


def _transcribed(job: VideoJob, *, has_speech: bool) -> VideoTranscribed:
    return VideoTranscribed(
        pipeline=job.pipeline.identifier, video=job.video.identifier, has_speech=has_speech
    )


def _slices(job: VideoJob, source: MediaInput, info: MediaInfo) -> Iterator[AudioSliced]:
    pieces = split(
        source,
        info,
        target_slice_seconds=job.settings.slice_seconds,
        workdir=job.workdir,
        limits=limits(job),
        deadline_seconds=job.remaining_seconds,
    )
    for piece in pieces:
        url = slice_url(
            job.context.derived_url, job.pipeline.identifier, job.attempt_name, piece.index
        )
        stat = job.store(piece.path, url, content_type="audio/wav")
        # The disk of a function is its memory.
        piece.path.unlink()
        yield AudioSliced(
            pipeline=job.pipeline.identifier,
            video=job.video.identifier,
            slice_url=stat.url,
            slice_generation=stat.generation,
            index=piece.index,
            count=piece.index + 1,
            start_seconds=piece.start_seconds,
            end_seconds=piece.end_seconds,
        )
