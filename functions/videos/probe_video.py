"""video-uploaded → the video's row with the facts from its file."""

from __future__ import annotations

from shared.domain.media_info import MediaInfo
from shared.media.probe import probe
from shared.messages.videos import VideoProbed, VideoUploaded
from shared.moments.admission import admit_upload
from shared.moments.rules.scene_titles import clock
from shared.pipeline.stage import Resources, stage
from shared.videos.registration import record_media_info
from shared.videos.source import open_source, pinned
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
    """Read container and streams, check the stated duration, fill in the video's row."""
    source = pinned(job.storage, job.video)
    info = _probe(job) if job.video.duration_seconds is None else None
    with job.finish() as done:
        if info is not None:
            record_media_info(done.session, job.video.id, info)
        done.emit(job.message(VideoProbed, generation=source.generation))


def _probe(job: VideoJob) -> MediaInfo:
    with open_source(job) as opened:
        info = probe(
            opened,
            sandbox=job.sandbox,
            max_duration_seconds=job.settings.max_duration_seconds,
        )
    job.add_metric("media_seconds", info.duration_seconds)
    if info.is_cut_short:
        job.note(
            f"The file says it is {clock(info.claimed_seconds)} long and ends at "
            f"{clock(info.duration_seconds)}: it is cut short. For the rest, get all of the file "
            "and run it again."
        )
    return info
