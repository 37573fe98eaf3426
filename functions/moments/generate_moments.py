"""video-transcribed → the moments of the video, or the windows that a model reads for them."""

from __future__ import annotations

from shared.domain.levels import loudness_of
from shared.messages.moments import MomentFound, TranscriptWindowed
from shared.messages.transcripts import VideoTranscribed
from shared.model_calls.asker import Asker
from shared.moments.generation_config import is_extractive
from shared.moments.inputs import bounds_of, transcript_of
from shared.moments.moments_job import MomentsJob
from shared.moments.reading_plan import batches_of, check_whole_budget, windows_of
from shared.moments.rows import NewMoment, insert_moments
from shared.moments.rules.extractive.method import find_moments
from shared.moments.rules.scene_moments import METHOD as SCENES
from shared.moments.rules.script import Script
from shared.moments.without_speech import moments_without_speech
from shared.pipeline.stage import Resources, stage
from shared.videos.history import count_moments

NO_SENTENCE = "There is no sentence to find moments in."
NO_MOMENT = "No part of the speech fits the limits for a moment's length."


@stage(
    does="finding the moments",
    consumes=[VideoTranscribed],
    emits=[MomentFound, TranscriptWindowed],
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=300, cpu=2, memory_mib=2048),
    needs=["uploads"],
    decides_moments=True,
)
def generate_moments(message: VideoTranscribed, job: MomentsJob) -> None:
    """Find the moments, or have the model read the transcript in batches of windows.

    A video without speech gets moments from its pictures and its sound. Without a model the same
    video and config always give the same moments.
    """
    if not message.has_speech:
        _without_speech(job)
    elif is_extractive(job.config.model):
        _without_model(job)
    else:
        _hand_out(message, job)


def _without_speech(job: MomentsJob) -> None:
    """Use scene changes and loudness, whatever model was asked for: there is nothing to read."""
    found = moments_without_speech(job)
    _write(job, [NewMoment(m.span, m.title, m.score, SCENES) for m in found.moments], found.reason)


def _without_model(job: MomentsJob) -> None:
    transcript = transcript_of(job)
    duration = job.video.duration_seconds or 0.0
    moments = find_moments(
        transcript,
        duration_seconds=duration,
        bounds=bounds_of(job.config, len(transcript.segments)),
        loudness=loudness_of(transcript, duration),
    )
    model = job.config.model
    _write(job, [NewMoment(m.span, m.title, m.score, model) for m in moments], NO_MOMENT)


def _write(job: MomentsJob, moments: list[NewMoment], why_none: str) -> None:
    with job.finish(skipped=None if moments else why_none) as done:
        identifiers = insert_moments(done.session, job, moments)
        count_moments(done.session, job.run.id, len(identifiers))
        for identifier in identifiers:
            done.emit(job.message(MomentFound, moment=identifier))


def _hand_out(message: VideoTranscribed, job: MomentsJob) -> None:
    script = Script.of(transcript_of(job), job.video.duration_seconds or 0.0)
    asker = Asker(job, message.subject, job.endpoint())
    windows = windows_of(job, asker.endpoint, script)
    check_whole_budget(job, asker, script, windows)
    batches = batches_of(job, windows)
    with job.finish(skipped=None if batches else NO_SENTENCE) as done:
        for index, batch in enumerate(batches):
            done.emit(
                job.message(
                    TranscriptWindowed,
                    index=index,
                    windows=tuple((window.first, window.last) for window in batch),
                    count=len(batches),
                )
            )
