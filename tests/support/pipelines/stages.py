"""The stages of the small pipeline in `pipelines`: real rows and files, little work."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from shared.db.models import Clip, Moment, Transcript
from shared.domain.names import clip_url, slice_url
from shared.messages.clips import ClipCut
from shared.messages.moments import MomentFound
from shared.messages.transcripts import AudioSliced, VideoTranscribed
from shared.messages.videos import VideoProbed, VideoUploaded
from shared.moments.admission import admit_upload
from shared.pipeline.stage import Stage, stage
from shared.videos.history import count_clip, count_moments
from shared.videos.video_job import VideoJob
from tests.support.pipelines.plan import Plan


def make_stages(plan: Plan) -> list[Stage]:
    """The stages of that plan, in the order of the flow."""
    return [*_stages_of_sound(plan), *_stages_of_clips(plan)]


def _stages_of_sound(plan: Plan) -> list[Stage]:

    @stage(does="working", consumes=[VideoUploaded], emits=[VideoProbed], entry=admit_upload)
    def begin(message: VideoUploaded, job: VideoJob) -> None:
        plan.reach("begin", message, job)
        with job.finish() as done:
            done.emit(probed(job.run.identifier))

    @stage(does="working", consumes=[VideoProbed], emits=[AudioSliced, VideoTranscribed])
    def split(message: VideoProbed, job: VideoJob) -> None:
        plan.reach("split", message, job)
        slices = [_slice(job, index, plan.slices) for index in range(plan.slices)]
        with job.finish(skipped=None if slices else "There is nothing to hear.") as done:
            done.result = {"slices": len(slices)} if slices else None
            for piece in slices * (2 if plan.emits_twice else 1):
                done.emit(piece)
            if not slices:
                done.emit(_transcribed(job, has_speech=False))
            plan.reach("split.finish", message, job)
        plan.reach("split.after", message, job)

    @stage(does="working", consumes=[AudioSliced], emits=[VideoTranscribed])
    def hear(message: AudioSliced, job: VideoJob) -> None:
        job.storage.stat(message.slice_url)
        plan.reach("hear", message, job)
        with job.finish() as done:
            done.result = {"word": message.index}
            plan.reach("hear.finish", message, job)
            if done.is_last_sibling():
                done.add(_transcript(job, done.sibling_results()))
                done.emit(_transcribed(job, has_speech=True))

    return [begin, split, hear]


def _stages_of_clips(plan: Plan) -> list[Stage]:
    @stage(
        does="working",
        consumes=[VideoTranscribed],
        emits=[MomentFound],
        pipeline_types=["full", "moments_only"],
    )
    def choose(message: VideoTranscribed, job: VideoJob) -> None:
        plan.reach("choose", message, job)
        with job.finish() as done:
            for index in range(plan.moments):
                name = f"{job.video.id}-{index}"
                row = _moment(job, name, index)
                done.session.execute(insert(Moment).values(row).on_conflict_do_nothing())
                done.emit(found(job.run.identifier, name))
            count_moments(done.session, job.run.id, plan.moments)

    @stage(
        does="working",
        consumes=[MomentFound],
        emits=[ClipCut],
        required=False,
        pipeline_types=["full", "clips_only"],
    )
    def cut(message: MomentFound, job: VideoJob) -> None:
        plan.reach("cut", message, job)
        path = job.workdir / "clip.mp4"
        path.write_bytes(b"clip")
        name = job.attempt_name
        url = clip_url(job.context.derived_url, job.video.identifier, message.moment, name, "mp4")
        job.store(path, url, content_type="video/mp4")
        plan.reach("cut.stored", message, job)
        with job.finish() as done:
            done.add(_clip(job, message.moment, url))
            count_clip(done.session, job.run.id)
            plan.reach("cut.finish", message, job)
            done.emit(
                ClipCut(
                    pipeline=message.pipeline,
                    video=message.video,
                    moment=message.moment,
                    clip_url=url,
                    clip_generation="1",
                )
            )
        plan.reach("cut.after", message, job)

    @stage(does="working", consumes=[ClipCut], required=False)
    def picture(message: ClipCut, job: VideoJob) -> None:
        plan.reach("picture", message, job)
        with job.finish():
            pass

    return [choose, cut, picture]


def probed(pipeline: str) -> VideoProbed:
    """The message that begins the small pipeline."""
    return VideoProbed(pipeline=pipeline, video=pipeline.partition(":")[2], generation="1")


def sliced(pipeline: str, index: int, count: int = 2, url: str = "file:///none") -> AudioSliced:
    """The message of one slice."""
    return AudioSliced(
        pipeline=pipeline,
        video=pipeline.partition(":")[2],
        slice_url=url,
        slice_generation="1",
        index=index,
        count=count,
        start_seconds=index,
        end_seconds=index + 1,
    )


def found(pipeline: str, moment: str) -> MomentFound:
    """The message of one moment."""
    return MomentFound(pipeline=pipeline, video=pipeline.partition(":")[2], moment=moment)


def _transcribed(job: VideoJob, *, has_speech: bool) -> VideoTranscribed:
    return VideoTranscribed(
        pipeline=job.run.identifier, video=job.video.identifier, has_speech=has_speech
    )


def _slice(job: VideoJob, index: int, count: int) -> AudioSliced:
    name = job.run.identifier
    url = slice_url(job.context.derived_url, name, job.attempt_name, index)
    path = job.workdir / f"{index}.wav"
    path.write_bytes(b"sound")
    return sliced(name, index, count, job.store(path, url, content_type="audio/wav").url)


def _transcript(job: VideoJob, results: list[dict[str, Any]]) -> Transcript:
    words = sorted(result["word"] for result in results)
    return Transcript(
        video_id=job.video.id,
        full_text=" ".join(map(str, words)),
        word_timestamps=[],
        segment_timestamps=[],
    )


def _moment(job: VideoJob, name: str, index: int) -> dict[str, Any]:
    return {
        "identifier": name,
        "video_id": job.video.id,
        "start_time": index,
        "end_time": index + 1,
        "title": "A moment",
    }


def _clip(job: VideoJob, moment: str, url: str) -> Clip:
    with job.read() as session:
        moment_id = session.execute(select(Moment.id).where(Moment.identifier == moment)).scalar()
    return Clip(
        moment_id=moment_id,
        video_id=job.video.id,
        cloud_url=url,
        start_time=0,
        end_time=1,
        padding_left=0,
        padding_right=0,
    )
