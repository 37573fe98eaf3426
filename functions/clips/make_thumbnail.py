"""video-probed, clip-cut → a thumbnail of the video, of the clip."""

from __future__ import annotations

from pathlib import Path

from shared.clips.rows import clip_of
from shared.clips.thumbnail_rows import (
    ThumbnailOwner,
    find_thumbnail,
    lock_owner,
    replace_thumbnail,
)
from shared.domain.names import plan_name, thumbnail_url
from shared.media.input import MediaInput, open_input
from shared.media.probe import probe
from shared.media.thumbnail import make_thumbnail as pick_frame
from shared.messages.clips import ClipCut
from shared.messages.videos import VideoProbed
from shared.pipeline.stage import Resources, stage
from shared.videos.source import open_source, reusable_object
from shared.videos.video_job import VideoJob

REPLACED = "The moment was cut again since, and the newer clip has a thumbnail of its own."
NO_PICTURE = "There is no picture in it."


@stage(
    does="making a thumbnail",
    consumes=[VideoProbed, ClipCut],
    required=False,
    resources=Resources(timeout_seconds=120, cpu=1, memory_mib=1024),
    needs=["uploads"],
)
def make_thumbnail(message: VideoProbed | ClipCut, job: VideoJob) -> None:
    """Keep the best keyframe of the video, or of the clip."""
    if isinstance(message, VideoProbed):
        owner = ThumbnailOwner("video_id", job.video.id, job.video.cloud_url)
        name, generation = "video", message.generation
    else:
        with job.read() as session:
            clip = clip_of(session, message.moment)
        if clip.cloud_url != message.clip_url:
            with job.finish(skipped=REPLACED):
                return
        owner = ThumbnailOwner("clip_id", clip.id, clip.cloud_url)
        name, generation = message.moment, message.clip_generation
    plan = plan_name(owner.url, generation)
    with job.read() as session:
        before = find_thumbnail(session, owner)
    if before is not None and reusable_object(job, before, plan) is not None:
        with job.finish():
            return
    path = _picture(message, job)
    if path is None:
        with job.finish(skipped=NO_PICTURE):
            return
    url = thumbnail_url(
        job.context.derived_url, job.video.identifier, name, f"{plan}-{job.attempt_name}"
    )
    stat = job.store(path, url, content_type="image/jpeg")
    with job.finish() as done:
        if not lock_owner(done.session, owner):
            job.replace(stat.url)
        elif (replaced := replace_thumbnail(done.session, owner, stat)) is not None:
            job.replace(replaced)


def _picture(message: VideoProbed | ClipCut, job: VideoJob) -> Path | None:
    if isinstance(message, VideoProbed):
        with open_source(job) as source:
            return _best_frame(job, source)
    with open_input(
        job.storage, message.clip_url, generation=message.clip_generation, workdir=job.workdir
    ) as source:
        return _best_frame(job, source)


def _best_frame(job: VideoJob, source: MediaInput) -> Path | None:
    info = probe(source, sandbox=job.sandbox)
    return pick_frame(
        source,
        info,
        workdir=job.workdir,
        sandbox=job.sandbox,
    )
