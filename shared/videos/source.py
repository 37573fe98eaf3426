"""Opens the source at the generation that its run started with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from shared.db.models import Video
from shared.domain.names import video_identifier
from shared.errors import ObjectChanged, ObjectMissing, SourceGone, SourceSuperseded
from shared.media.input import MediaInput, open_input
from shared.pipeline.job import Job
from shared.storage.protocol import ObjectStat, Storage
from shared.storage.urls import split_url
from shared.videos.video_job import VideoJob


def pinned(storage: Storage, video: Video) -> ObjectStat:
    """The source's metadata. Raises `SourceGone`, or `SourceSuperseded` if it was overwritten."""
    try:
        stat = storage.stat(video.cloud_url)
    except ObjectMissing:
        raise SourceGone(video.cloud_url) from None
    stem = PurePosixPath(split_url(video.cloud_url).name).stem
    if video_identifier(video.cloud_url, stat.generation, stem) != video.identifier:
        raise SourceSuperseded(video.cloud_url)
    return stat


@contextmanager
def open_source(job: VideoJob) -> Iterator[MediaInput]:
    """The source, pinned to its generation, for a media child."""
    stat = pinned(job.storage, job.video)
    try:
        with open_input(
            job.storage, stat.url, generation=stat.generation, workdir=job.workdir
        ) as source:
            yield source
            job.add_metric("bytes_read", source.bytes_read)
    except ObjectMissing:
        raise SourceGone(stat.url) from None
    except ObjectChanged:
        raise SourceSuperseded(stat.url) from None


def reusable_object(job: Job, url: str, plan: str) -> ObjectStat | None:
    """The object that an earlier run made by the same plan, if it still exists."""
    if not url.rpartition("/")[2].startswith(f"{plan}-"):
        return None
    try:
        return job.storage.stat(url)
    except ObjectMissing:
        return None
