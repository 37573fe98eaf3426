"""video-transcribed → the moments worth watching."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from shared.db.models import Moment, Transcript
from shared.db.transcripts import from_row, storable
from shared.domain.extractive import find_moments
from shared.domain.moments import Bounds
from shared.domain.names import moment_identifier
from shared.messages import MomentFound, VideoTranscribed
from shared.pipeline.job import Job
from shared.pipeline.stage import Resources, stage

NO_SPEECH = "There is no speech to find moments in."
NO_MOMENT = "No stretch of the speech fits the bounds on a moment's length."


@stage(
    consumes=[VideoTranscribed],
    emits=[MomentFound],
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=300, cpu=1, memory_mib=1024),
    needs=["models"],
)
def generate_moments(message: VideoTranscribed, job: Job) -> None:
    """Choose the moments; the same transcript and config always give the same ones."""
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


def _rows(job: Job) -> list[dict[str, object]]:
    with job.read() as session:
        transcript = session.execute(
            select(Transcript).where(Transcript.video_id == job.video.id)
        ).scalar_one()
    video, config = job.video, job.config
    moments = find_moments(
        from_row(transcript),
        duration_seconds=video.duration_seconds or 0.0,
        bounds=Bounds(
            config.min_moment_length or 0.0,
            config.max_moment_length or float("inf"),
            config.min_moments or 0,
            config.max_moments or len(transcript.segment_timestamps),
        ),
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
            "scored_at": transcript.created_at,
        }
        for moment in moments
    ]
