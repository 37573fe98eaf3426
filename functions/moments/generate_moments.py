"""video-transcribed → the moments worth watching, or what a model is to read to find them."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from shared.db.models import Moment
from shared.db.text import storable
from shared.domain.levels import loudness_of
from shared.domain.names import moment_identifier
from shared.domain.spans import TimeSpan
from shared.messages.moments import MomentFound, TranscriptWindowed
from shared.messages.transcripts import VideoTranscribed
from shared.model_calls.asker import Asker, budget_of, spending
from shared.model_calls.budget import Spending, check_budget
from shared.moments.generation_config import is_extractive
from shared.moments.inputs import bounds_of, transcript_of
from shared.moments.moments_job import MomentsJob
from shared.moments.reading_plan import parts_of, reader_of, windows_of
from shared.moments.rules.extractive.method import find_moments
from shared.moments.rules.scene_moments import METHOD as SCENES
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window
from shared.moments.without_speech import moments_without_speech
from shared.pipeline.stage import Resources, stage

NO_SENTENCE = "There is no sentence to find moments in."
NO_MOMENT = "No stretch of the speech fits the bounds on a moment's length."


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
    """Choose the moments, or hand the transcript to the model in parts that it can read in time.

    Where nobody speaks they are chosen by what is seen and heard. Without a model the same
    recording and config always give the same moments.
    """
    if not message.has_speech:
        _without_speech(job)
    elif is_extractive(job.config.model):
        rows = _spoken(job)
        _write(job, rows, skipped=None if rows else NO_MOMENT)
    else:
        _hand_out(message, job)


def _without_speech(job: MomentsJob) -> None:
    """From scene changes and loudness, whatever model was asked for: there is nothing to read."""
    found = moments_without_speech(job)
    rows = [_row(job, m.span, m.title, m.score, SCENES) for m in found.moments]
    _write(job, rows, skipped=None if rows else found.reason)


def _spoken(job: MomentsJob) -> list[dict[str, object]]:
    transcript = transcript_of(job)
    duration = job.video.duration_seconds or 0.0
    moments = find_moments(
        transcript,
        duration_seconds=duration,
        bounds=bounds_of(job.config, len(transcript.segments)),
        loudness=loudness_of(transcript, duration),
    )
    return [_row(job, m.span, m.title, m.score, job.config.model) for m in moments]


def _row(job: MomentsJob, span: TimeSpan, title: str, score: int, method: str) -> dict[str, object]:
    start, end = span.start_seconds, span.end_seconds
    return {
        "identifier": moment_identifier(job.video.identifier, job.config.config_hash, start, end),
        "video_id": job.video.id,
        "start_time": start,
        "end_time": end,
        "title": storable(title)[:500],
        "is_refined": False,
        "generation_model": method,
        "generation_config_id": job.config.id,
        "score": score,
        "scoring_model": method,
        "scored_at": job.context.clock.now(),
    }


def _write(job: MomentsJob, rows: list[dict[str, object]], *, skipped: str | None) -> None:
    with job.finish(skipped=skipped) as done:
        if rows:
            done.session.execute(insert(Moment).values(rows).on_conflict_do_nothing())
        done.pipeline.total_moments_generated = len(rows)
        for row in rows:
            done.emit(
                MomentFound(
                    pipeline=job.pipeline.identifier,
                    video=job.video.identifier,
                    moment=str(row["identifier"]),
                )
            )


def _hand_out(message: VideoTranscribed, job: MomentsJob) -> None:
    script = Script.of(transcript_of(job), job.video.duration_seconds or 0.0)
    asker = Asker(job, message.subject, job.endpoint())
    windows = windows_of(job, asker.endpoint, script)
    _check_whole_budget(job, asker, script, windows)
    parts = parts_of(job, windows)
    with job.finish(skipped=None if parts else NO_SENTENCE) as done:
        for index, part in enumerate(parts):
            done.emit(
                TranscriptWindowed(
                    pipeline=job.pipeline.identifier,
                    video=job.video.identifier,
                    index=index,
                    windows=tuple((window.first, window.last) for window in part),
                    count=len(parts),
                )
            )


def _check_whole_budget(
    job: MomentsJob, asker: Asker, script: Script, windows: list[Window]
) -> None:
    """Raises `Reject` where reading all of it would take more than there is to spend."""
    reader = reader_of(job, asker, script, len(windows))
    wanted = [spending(asker.endpoint, reader.question(window)) for window in windows]
    costs = [one.cost for one in wanted if one.cost is not None]
    whole = Spending(
        sum(one.input_tokens for one in wanted),
        sum(one.output_tokens for one in wanted),
        sum(costs) if len(costs) == len(wanted) else None,
    )
    with job.read() as session:
        check_budget(session, job.pipeline.id, whole, budget_of(job.settings))
