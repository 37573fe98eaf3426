"""video-probed, clip-cut → a picture of the video, of the clip."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Clip, Moment, Thumbnail, Video
from shared.domain.names import plan_name, thumbnail_url
from shared.errors import NotThere
from shared.media.input import MediaInput, open_input
from shared.media.probe import probe
from shared.media.thumbnail import make_thumbnail as picture_of
from shared.messages.clips import ClipCut
from shared.messages.videos import VideoProbed
from shared.pipeline.stage import Resources, stage
from shared.storage.protocol import ObjectStat
from shared.videos.source import existing, limits, open_source
from shared.videos.video_job import VideoJob

REPLACED = "The moment was cut anew since, and the newer clip has a picture of its own."


@stage(
    does="making a thumbnail",
    consumes=[VideoProbed, ClipCut],
    required=False,
    resources=Resources(timeout_seconds=120, cpu=1, memory_mib=1024),
    needs=["uploads"],
)
def make_thumbnail(message: VideoProbed | ClipCut, job: VideoJob) -> None:
    """The best of the keyframes, once for the video and once for each clip."""
    if isinstance(message, ClipCut):
        clip = _clip(job, message)
        if clip.cloud_url != message.clip_url:
            with job.finish(skipped=REPLACED):
                return
        owner, subject = {"clip_id": clip.id}, message.moment
        plan = plan_name(message.clip_url, message.clip_generation)
    else:
        owner, subject = {"video_id": job.video.id}, "video"
        plan = plan_name(job.video.cloud_url, message.generation)
    with job.read() as session:
        before = _url(session, owner)
    if before is not None and existing(job, before, plan) is not None:
        with job.finish():
            return
    path = _picture(job, message)
    if path is None:
        with job.finish(skipped="There is no picture in it."):
            return
    url = thumbnail_url(
        job.context.derived_url, job.video.identifier, subject, f"{plan}-{job.attempt_name}"
    )
    stat = job.store(path, url, content_type="image/jpeg")
    with job.finish() as done:
        if not _is_current(done.session, owner, message):
            job.replace(stat.url)
            return
        if (before := _url(done.session, owner)) is not None:
            job.replace(before)
        _write(done.session, owner, stat)


def _clip(job: VideoJob, message: ClipCut) -> Clip:
    with job.read() as session:
        found = session.execute(
            select(Clip).join(Moment).where(Moment.identifier == message.moment)
        ).scalar_one_or_none()
    if found is None:
        raise NotThere("unknown_clip", f"The clip of moment {message.moment} was deleted.")
    return found


def _url(session: Session, owner: dict[str, int]) -> str | None:
    return session.execute(select(Thumbnail.cloud_url).filter_by(**owner)).scalar_one_or_none()


def _is_current(session: Session, owner: dict[str, int], message: VideoProbed | ClipCut) -> bool:
    """Whether that clip is still the one; the video is always.

    Locks it, so that no other run of the video makes a thumbnail of it until the transaction ends.
    """
    if isinstance(message, ClipCut):
        clip = select(Clip.cloud_url).where(Clip.id == owner["clip_id"])
        url = session.execute(clip.with_for_update(key_share=True)).scalar_one_or_none()
        return url == message.clip_url
    video = select(Video.id).where(Video.id == owner["video_id"])
    session.execute(video.with_for_update(key_share=True))
    return True


def _write(session: Session, owner: dict[str, int], stat: ObjectStat) -> None:
    (column,) = owner
    values = {"cloud_url": stat.url, "file_size_kb": max(1, round(stat.size_bytes / 1024))}
    session.execute(
        insert(Thumbnail)
        .values(**owner, **values)
        .on_conflict_do_update(
            index_elements=[column],
            index_where=getattr(Thumbnail, column).is_not(None),
            set_=values,
        )
    )


def _picture(job: VideoJob, message: VideoProbed | ClipCut) -> Path | None:
    if isinstance(message, VideoProbed):
        with open_source(job) as source:
            return _best(job, source)
    with open_input(
        job.storage,
        message.clip_url,
        generation=message.clip_generation,
        workdir=job.workdir,
    ) as source:
        return _best(job, source)


def _best(job: VideoJob, source: MediaInput) -> Path | None:
    info = probe(source, limits=limits(job), deadline_seconds=job.remaining_seconds)
    return picture_of(
        source,
        info,
        workdir=job.workdir,
        limits=limits(job),
        deadline_seconds=job.remaining_seconds,
    )
