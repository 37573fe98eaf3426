"""video-transcribed → the moments worth watching, or what a model is to read to find them."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql import insert

from shared.db.ai_requests import Spending, check_budget
from shared.db.models import Moment
from shared.db.transcripts import storable
from shared.domain.extractive import find_moments
from shared.domain.names import moment_identifier
from shared.domain.script import Script
from shared.domain.windows import Window
from shared.messages import MomentFound, TranscriptWindowed, VideoTranscribed
from shared.pipeline.asking import Asker, budget_of, spending
from shared.pipeline.endpoints import is_extractive
from shared.pipeline.job import Job
from shared.pipeline.planning import parts_of, reader_of, windows_of
from shared.pipeline.script import bounds_of, transcript_of
from shared.pipeline.stage import Resources, stage

NO_SPEECH = "There is no speech to find moments in."
NO_MOMENT = "No stretch of the speech fits the bounds on a moment's length."


@stage(
    consumes=[VideoTranscribed],
    emits=[MomentFound, TranscriptWindowed],
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=300, cpu=1, memory_mib=1024),
)
def generate_moments(message: VideoTranscribed, job: Job) -> None:
    """Choose the moments, or hand the transcript to the model in parts that it can read in time.

    Without a model the same transcript and config always give the same moments.
    """
    if message.has_speech and not is_extractive(job.config.model):
        _hand_out(message, job)
        return
    rows = _rows(job) if message.has_speech else []
    reason = None if rows else NO_MOMENT if message.has_speech else NO_SPEECH
    with job.finish(skipped=reason) as done:
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


def _hand_out(message: VideoTranscribed, job: Job) -> None:
    script = Script.of(transcript_of(job), job.video.duration_seconds or 0.0)
    asker = Asker(job, message.subject)
    windows = windows_of(job, asker.endpoint, script)
    _check_whole_budget(job, asker, script, windows)
    parts = parts_of(job, windows)
    with job.finish(skipped=None if parts else NO_SPEECH) as done:
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


def _check_whole_budget(job: Job, asker: Asker, script: Script, windows: list[Window]) -> None:
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


def _rows(job: Job) -> list[dict[str, object]]:
    transcript = transcript_of(job)
    video, config = job.video, job.config
    moments = find_moments(
        transcript,
        duration_seconds=video.duration_seconds or 0.0,
        bounds=bounds_of(config, len(transcript.segments)),
    )
    return [
        {
            "identifier": moment_identifier(
                video.identifier,
                config.config_hash,
                moment.span.start_seconds,
                moment.span.end_seconds,
            ),
            "video_id": video.id,
            "start_time": moment.span.start_seconds,
            "end_time": moment.span.end_seconds,
            "title": storable(moment.title)[:500],
            "is_refined": False,
            "generation_model": config.model,
            "generation_config_id": config.id,
            "score": moment.score,
            "scoring_model": config.model,
            "scored_at": job.context.clock.now(),
        }
        for moment in moments
    ]
