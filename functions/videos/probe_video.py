"""A source object is complete → the video's facts are known."""

from __future__ import annotations

from sqlalchemy import update

from shared.db.models import Video
from shared.media.probe import probe
from shared.messages.videos import VideoProbed, VideoUploaded
from shared.moments.admission import admit_upload
from shared.moments.rules.scene_moments import clock
from shared.pipeline.stage import Resources, stage
from shared.videos.source import limits, open_source, pinned
from shared.videos.video_job import VideoJob


@stage(
    does="looking into the file",
    consumes=[VideoUploaded],
    emits=[VideoProbed],
    entry=admit_upload,
    pipeline_types=["full", "moments_only"],
    resources=Resources(timeout_seconds=120, memory_mib=1024, concurrency=4, min_instances=1),
    needs=["uploads"],
)
def probe_video(message: VideoUploaded, job: VideoJob) -> None:
    """Read container and streams, check the claimed duration, fill in the video's row."""
    source = pinned(job.storage, job.video)
    facts = None if job.video.duration_seconds is not None else _facts(job)
    with job.finish() as done:
        if facts is not None:
            done.session.execute(update(Video).where(Video.id == job.video.id).values(**facts))
        done.emit(
            VideoProbed(
                pipeline=job.pipeline.identifier,
                video=job.video.identifier,
                generation=source.generation,
            )
        )


def _facts(job: VideoJob) -> dict[str, object]:
    with open_source(job) as opened:
        info = probe(
            opened,
            limits=limits(job),
            deadline_seconds=job.remaining_seconds,
            max_duration_seconds=job.settings.max_duration_seconds,
        )
    job.add_metric("media_seconds", info.duration_seconds)
    if info.is_cut_short:
        job.note(
            f"The file says it is {clock(info.claimed_seconds)} long and ends at "
            f"{clock(info.duration_seconds)}: it is cut short. For the rest, get all of the file "
            "and run it again."
        )
    return {
        "duration_seconds": info.duration_seconds,
        "video_codec": info.video.codec if info.video else None,
        "audio_codec": info.audio.codec if info.audio else None,
        "resolution": info.resolution,
        "frame_rate": info.video.frame_rate if info.video else None,
    }
