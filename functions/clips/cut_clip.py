"""moment-found → a clip of it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shared.db.models import Clip, Moment
from shared.domain.names import clip_url, plan_name
from shared.domain.spans import TimeSpan
from shared.errors import NotThere
from shared.media.cut import CutResult
from shared.media.cut import cut_clip as cut
from shared.media.cut_plan import padded_window
from shared.media.probe import probe
from shared.messages.clips import ClipCut
from shared.messages.moments import MomentFound
from shared.moments.rules.scene_moments import METHOD as SCENES
from shared.pipeline.stage import Resources, stage
from shared.storage.protocol import ObjectStat
from shared.transcripts.rows import silence_around
from shared.videos.source import existing, limits, open_source
from shared.videos.video_job import VideoJob


@stage(
    does="cutting a clip",
    consumes=[MomentFound],
    emits=[ClipCut],
    required=False,
    pipeline_types=["full", "clips_only"],
    resources=Resources(timeout_seconds=300, cpu=2, memory_mib=2048),
    needs=["uploads"],
)
def cut_clip(message: MomentFound, job: VideoJob) -> None:
    """Cut the moment with its padding; the row says what was really used."""
    moment, clip = _moment(job, message.moment)
    window = _padded(job, moment)
    plan = plan_name(
        f"{window.start_seconds:.3f}", f"{window.end_seconds:.3f}", job.settings.clip_mode
    )
    if clip is not None and (stat := existing(job, clip.cloud_url, plan)) is not None:
        with job.finish() as done:
            done.pipeline.total_clips_created = (done.pipeline.total_clips_created or 0) + 1
            done.emit(_cut(job, message, stat))
        return
    result = _work(job, window)
    url = clip_url(
        job.context.derived_url,
        job.video.identifier,
        message.moment,
        f"{plan}-{job.attempt_name}",
        result.format,
    )
    stat = job.store(result.path, url, content_type=result.content_type)
    values = _values(moment, result, stat)
    with job.finish() as done:
        if (before := _clip_url(done.session, moment)) is not None:
            job.replace(before)
        done.session.execute(
            insert(Clip)
            .values(moment_id=moment.id, video_id=job.video.id, **values)
            .on_conflict_do_update(index_elements=["moment_id"], set_=values)
        )
        done.pipeline.total_clips_created = (done.pipeline.total_clips_created or 0) + 1
        done.emit(_cut(job, message, stat))


def _moment(job: VideoJob, identifier: str) -> tuple[Moment, Clip | None]:
    with job.read() as session:
        moment = session.execute(
            select(Moment).where(Moment.identifier == identifier)
        ).scalar_one_or_none()
        if moment is None:
            raise NotThere("unknown_moment", f"The moment {identifier} was deleted.")
        clip = session.execute(select(Clip).where(Clip.moment_id == moment.id)).scalar_one_or_none()
    return moment, clip


def _clip_url(session: Session, moment: Moment) -> str | None:
    """The clip there is by now: another run of the video may have cut the moment meanwhile.

    Locks the moment, so that nobody else cuts it until the transaction ends.
    """
    session.execute(select(Moment.id).where(Moment.id == moment.id).with_for_update(key_share=True))
    return session.execute(
        select(Clip.cloud_url).where(Clip.moment_id == moment.id)
    ).scalar_one_or_none()


def _padded(job: VideoJob, moment: Moment) -> TimeSpan:
    """The moment with its padding, which ends at the next word unless it may go on.

    A moment without a word begins with its scene: padding would show the end of another.
    """
    span = TimeSpan(moment.start_time, moment.end_time)
    before, after = 0.0, float("inf")
    if not job.options.padding_over_words and moment.generation_model == SCENES:
        before, after = span.start_seconds, span.end_seconds
    elif not job.options.padding_over_words:
        with job.read() as session:
            before, after = silence_around(session, job.video.id, span)
    return padded_window(
        span,
        left_seconds=min(job.options.padding_left_seconds or 0.0, span.start_seconds - before),
        right_seconds=min(job.options.padding_right_seconds or 0.0, after - span.end_seconds),
        duration_seconds=job.video.duration_seconds or moment.end_time,
    )


def _work(job: VideoJob, window: TimeSpan) -> CutResult:
    with open_source(job) as source:
        info = probe(source, limits=limits(job), deadline_seconds=job.remaining_seconds)
        result = cut(
            source,
            info,
            window=window,
            mode=job.settings.clip_mode,
            workdir=job.workdir,
            limits=limits(job),
            deadline_seconds=job.remaining_seconds,
        )
    job.add_metric("media_seconds", result.duration_seconds)
    return result


def _values(moment: Moment, result: CutResult, stat: ObjectStat) -> dict[str, object]:
    return {
        "cloud_url": stat.url,
        "start_time": result.start_seconds,
        "end_time": result.end_seconds,
        "padding_left": max(0.0, moment.start_time - result.start_seconds),
        "padding_right": max(0.0, result.end_seconds - moment.end_time),
        "file_size_kb": max(1, round(stat.size_bytes / 1024)),
        "format": result.format,
        "video_codec": result.video_codec,
        "audio_codec": result.audio_codec,
        "resolution": result.resolution,
    }


def _cut(job: VideoJob, message: MomentFound, stat: ObjectStat) -> ClipCut:
    return ClipCut(
        pipeline=job.pipeline.identifier,
        video=job.video.identifier,
        moment=message.moment,
        clip_url=stat.url,
        clip_generation=stat.generation,
    )
