"""pipeline-requested → the run begins where it has to."""

from __future__ import annotations

from sqlalchemy import exists, select

from shared.db.models import Clip, Moment
from shared.messages.moments import MomentFound, ScoringRequested
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.moments.admission import admit_request
from shared.pipeline.stage import Resources, stage
from shared.videos.source import pinned
from shared.videos.video_job import VideoJob


@stage(
    does="taking in the request",
    consumes=[PipelineRequested],
    emits=[VideoUploaded, MomentFound, ScoringRequested],
    entry=admit_request,
    resources=Resources(timeout_seconds=60, memory_mib=512, concurrency=8),
    needs=["uploads"],
    decides_moments=True,
)
def start_pipeline(message: PipelineRequested, job: VideoJob) -> None:
    """A full run begins with its source, a `clips_only` run with the moments that have no clip.

    A `scores_only` run has the moments there are scored again.
    """
    if job.pipeline.pipeline_type == "clips_only":
        _cut_what_has_no_clip(job)
        return
    if job.pipeline.pipeline_type == "scores_only":
        with job.finish() as done:
            done.emit(
                ScoringRequested(pipeline=job.pipeline.identifier, video=job.video.identifier)
            )
        return
    source = pinned(job.storage, job.video)
    with job.finish() as done:
        done.emit(
            VideoUploaded(
                source_url=source.url,
                generation=source.generation,
                pipeline=job.pipeline.identifier,
                options=message.options,
            )
        )


def _cut_what_has_no_clip(job: VideoJob) -> None:
    with job.read() as session:
        waiting = session.execute(
            select(Moment.identifier)
            .where(
                Moment.video_id == job.video.id,
                Moment.parent_id.is_(None),
                Moment.is_refined.is_not(True),
                ~exists().where(Clip.moment_id == Moment.id),
            )
            .order_by(Moment.start_time)
        ).scalars()
        moments = list(waiting)
        any_at_all = session.execute(
            select(exists().where(Moment.video_id == job.video.id))
        ).scalar_one()
    if any_at_all:
        reason = None if moments else "No moment of this video is without a clip."
    else:
        reason = "This video has no moments yet: a run of type full finds them, and cuts them."
    with job.finish(skipped=reason) as done:
        done.pipeline.total_moments_generated = 0
        for moment in moments:
            done.emit(
                MomentFound(
                    pipeline=job.pipeline.identifier, video=job.video.identifier, moment=moment
                )
            )
