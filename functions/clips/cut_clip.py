"""moment-found → a clip of the moment."""

from __future__ import annotations

from shared.clips.rows import find_clip, replace_clip
from shared.clips.window import window_of
from shared.domain.names import clip_url, plan_name
from shared.domain.spans import TimeSpan
from shared.media.cut import CutResult
from shared.media.cut import cut_clip as cut
from shared.media.probe import probe
from shared.messages.clips import ClipCut
from shared.messages.moments import MomentFound
from shared.moments.rows import find_moment
from shared.pipeline.stage import Resources, stage
from shared.storage.protocol import ObjectStat
from shared.videos.history import count_clip
from shared.videos.source import open_source, reusable_object
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
    """Cut the moment with its padding, unless an earlier run cut the same; its row says where."""
    with job.read() as session:
        moment = find_moment(session, message.moment)
        clip = find_clip(session, moment)
    window = window_of(job, moment)
    plan = plan_name(
        f"{window.start_seconds:.3f}", f"{window.end_seconds:.3f}", job.settings.clip_mode
    )
    result = None
    stat = reusable_object(job, clip.cloud_url, plan) if clip is not None else None
    if stat is None:
        result = _cut(job, window)
        stat = _store(job, message.moment, plan, result)
    with job.finish() as done:
        if result is not None and (before := replace_clip(done.session, moment, result, stat)):
            job.replace(before)
        count_clip(done.session, job.run.id)
        done.emit(
            job.message(
                ClipCut,
                moment=message.moment,
                clip_url=stat.url,
                clip_generation=stat.generation,
            )
        )


def _cut(job: VideoJob, window: TimeSpan) -> CutResult:
    with open_source(job) as source:
        info = probe(source, sandbox=job.sandbox)
        result = cut(
            source,
            info,
            window=window,
            mode=job.settings.clip_mode,
            workdir=job.workdir,
            sandbox=job.sandbox,
        )
    job.add_metric("media_seconds", result.duration_seconds)
    return result


def _store(job: VideoJob, moment: str, plan: str, result: CutResult) -> ObjectStat:
    url = clip_url(
        job.context.derived_url,
        job.video.identifier,
        moment,
        f"{plan}-{job.attempt_name}",
        result.format,
    )
    return job.store(result.path, url, content_type=result.content_type)
