"""audio-sliced → the words of the slice; the last slice to finish joins the transcript."""

from __future__ import annotations

import time
from typing import Any

from shared.domain.transcript import TimedTranscript
from shared.engines.speech.join import SliceTranscript, join
from shared.engines.speech.protocol import SpeechEngine, SpeechModelMissing
from shared.engines.speech.wav import with_loudness
from shared.error_codes.videos import SPEECH_NOT_SET_UP
from shared.errors import Reject, SettingsError
from shared.messages.transcripts import AudioSliced, VideoTranscribed
from shared.pipeline.ledger.finish import Completion
from shared.pipeline.stage import Resources, stage
from shared.telemetry import spans
from shared.transcripts.rows import from_json, to_json, transcript_row, write_once
from shared.videos.video_job import VideoJob


@stage(
    does="listening to the speech",
    consumes=[AudioSliced],
    emits=[VideoTranscribed],
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=300, cpu=4, memory_mib=4096, image="speech"),
    decides_moments=True,
)
def transcribe_audio(message: AudioSliced, job: VideoJob) -> None:
    """Transcribe one slice. Its words stay in the ledger until every slice is transcribed."""
    path = job.workdir / "slice.wav"
    stat = job.storage.download(message.slice_url, path, generation=message.slice_generation)
    job.add_metric("bytes_read", stat.size_bytes)
    job.add_metric("media_seconds", message.end_seconds - message.start_seconds)
    engine = _engine(job)
    began = time.monotonic()
    with spans.span("transcribe", {"videomoments.engine": engine.name}):
        heard = engine.transcribe(
            path, language=job.settings.language, deadline_seconds=job.remaining_seconds
        )
    seconds = time.monotonic() - began
    heard = with_loudness(heard, path)
    with job.finish() as done:
        done.result = {
            "start_seconds": message.start_seconds,
            "end_seconds": message.end_seconds,
            "processing_seconds": seconds,
            "transcript": to_json(heard),
        }
        if done.is_last_sibling() and done.run.error_stage is None:
            _join(job, done, service=engine.name)


def _engine(job: VideoJob) -> SpeechEngine:
    """The engine of the settings. Raises `Reject` for settings that a retry cannot fix."""
    try:
        return job.context.speech()
    except SpeechModelMissing:
        raise  # The next attempt may download it.
    except SettingsError as error:
        raise Reject(SPEECH_NOT_SET_UP, str(error)) from error


def _join(job: VideoJob, done: Completion, *, service: str) -> None:
    parts = done.sibling_results()
    whole = join([_slice(part) for part in parts])
    seconds = sum(part["processing_seconds"] for part in parts)
    row = transcript_row(job.video.id, whole, service=service, seconds=seconds)
    write_once(done.session, row)
    done.emit(job.message(VideoTranscribed, has_speech=bool(whole.words)))


def _slice(part: dict[str, Any]) -> SliceTranscript:
    heard: TimedTranscript = from_json(part["transcript"])
    return SliceTranscript(part["start_seconds"], part["end_seconds"], heard)
