"""pipeline-requested → the first message of the run."""

from __future__ import annotations

from shared.clips.rows import moments_without_clip
from shared.messages.moments import MomentFound, ScoringRequested
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.moments.admission import admit_request
from shared.pipeline.stage import Resources, stage
from shared.videos.history import count_moments
from shared.videos.source import pinned
from shared.videos.video_job import VideoJob

NO_MOMENTS = "This video has no moments yet: a run of type full finds them, and cuts them."
ALL_CUT = "No moment of this video is without a clip."


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
    """Begin a full run with the source, a `clips_only` run with each moment that has no clip.

    A `scores_only` run rescores the existing moments.
    """
    match job.run.kind:
        case "clips_only":
            _cut_missing_clips(job)
        case "scores_only":
            with job.finish() as done:
                done.emit(job.message(ScoringRequested))
        case _:
            _begin_with_source(message, job)


def _cut_missing_clips(job: VideoJob) -> None:
    with job.read() as session:
        moments = moments_without_clip(session, job.video.id)
    reason = NO_MOMENTS if moments is None else None if moments else ALL_CUT
    with job.finish(skipped=reason) as done:
        count_moments(done.session, job.run.id, 0)
        for moment in moments or ():
            done.emit(job.message(MomentFound, moment=moment))


def _begin_with_source(message: PipelineRequested, job: VideoJob) -> None:
    source = pinned(job.storage, job.video)
    with job.finish() as done:
        done.emit(
            VideoUploaded(
                source_url=source.url,
                generation=source.generation,
                pipeline=job.run.identifier,
                options=message.options,
            )
        )
