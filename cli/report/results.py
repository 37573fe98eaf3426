"""The results of runs, as the one JSON document of `run --json` and `status --json`."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from cli.report.stage_words import decisive_stages
from shared.db.models import (
    Clip,
    GenerationConfig,
    Moment,
    PipelineHistory,
    Run,
    RunStatus,
    StageRun,
    StageRunStatus,
    Thumbnail,
    Transcript,
    Video,
)
from shared.domain.documents import Json
from shared.error_codes.runs import NOTHING_TO_DO
from shared.moments.generation_config import is_extractive
from shared.moments.rules.extractive.method import METHOD as EXTRACTIVE
from shared.moments.rules.scene_moments import METHOD as SCENES


def document(session: Session, identifiers: list[str]) -> Json:
    """`{"pipelines": […]}`, in the order asked for."""
    return {"pipelines": [pipeline_json(session, identifier) for identifier in identifiers]}


def pipeline_json(session: Session, identifier: str) -> Json:
    """One pipeline with its video, transcript, moments, clips and thumbnails."""
    pipeline, video = _pipeline(session, identifier)
    moments = _moments(session, pipeline)
    with_clips = moments if pipeline.pipeline_type != "moments_only" else []
    clips = _clips(session, [moment.id for moment in with_clips])
    names = {moment.id: moment.identifier for moment in moments}
    return {
        "identifier": pipeline.identifier,
        "status": pipeline.status,
        "pipeline_type": pipeline.pipeline_type,
        "duration_seconds": pipeline.duration_seconds,
        "error_stage": pipeline.error_stage,
        "error_message": pipeline.error_message,
        "video": _fields(
            video,
            "identifier cloud_url duration_seconds resolution video_codec audio_codec frame_rate "
            "file_size_kb",
        ),
        "transcript": _transcript(session, video.id),
        "moments": [
            _fields(moment, "identifier start_time end_time title score is_refined")
            for moment in moments
        ],
        "clips": [
            {
                "moment": names[clip.moment_id],
                **_fields(
                    clip,
                    "cloud_url start_time end_time padding_left padding_right format resolution",
                ),
            }
            for clip in clips
        ],
        "thumbnails": _thumbnails(session, video, clips, names),
    }


def refused_json(pipeline_type: str, message: str) -> Json:
    """A file that never started a run, in the same shape."""
    return {
        "identifier": None,
        "status": RunStatus.FAILED,
        "pipeline_type": pipeline_type,
        "duration_seconds": None,
        "error_stage": "start_pipeline",
        "error_message": message,
        "video": None,
        "transcript": None,
        "moments": [],
        "clips": [],
        "thumbnails": [],
    }


def _pipeline(session: Session, identifier: str) -> tuple[PipelineHistory, Video]:
    pipeline, video = session.execute(
        select(PipelineHistory, Video)
        .join(Video, Video.id == PipelineHistory.video_id)
        .where(PipelineHistory.identifier == identifier)
        .execution_options(populate_existing=True)
    ).one()
    return pipeline, video


def _fields(row: object, names: str) -> Json:
    return {name: getattr(row, name) for name in names.split()}


def _transcript(session: Session, video_id: int) -> Json | None:
    row = session.execute(
        select(Transcript).where(Transcript.video_id == video_id)
    ).scalar_one_or_none()
    names = "language full_text number_of_words number_of_segments transcription_service"
    return _fields(row, names) if row is not None else None


def file_notes(session: Session, video_id: int) -> list[str]:
    """Notes about the file that this video's runs recorded."""
    kept = session.execute(
        select(StageRun.metrics["notes"])
        .join(Run, Run.id == StageRun.run_id)
        .join(PipelineHistory, PipelineHistory.id == Run.pipeline_history_id)
        .where(PipelineHistory.video_id == video_id, StageRun.metrics.has_key("notes"))
        .order_by(StageRun.id)
    ).scalars()
    return list(dict.fromkeys(note for noted in kept for note in noted))


def notes(session: Session, identifier: str) -> list[str]:
    """Notes for users about a run: its file, unused inputs, and moments found without speech."""
    pipeline, video = _pipeline(session, identifier)
    found = session.execute(
        select(StageRun.error_message)
        .join(Run, Run.id == StageRun.run_id)
        .where(
            Run.pipeline_history_id == pipeline.id,
            StageRun.status == StageRunStatus.SKIPPED,
            StageRun.error_code == NOTHING_TO_DO,
            StageRun.stage.in_(decisive_stages()),
        )
        .order_by(StageRun.id)
    ).scalars()
    lines = [*file_notes(session, video.id), *(reason for reason in found if reason)]
    if any(moment.generation_model == SCENES for moment in _moments(session, pipeline)):
        seen, heard = video.video_codec is not None, video.audio_codec is not None
        by = ["scene changes"] * seen + ["loudness"] * heard
        lines.append(f"No speech: moments chosen from {' and '.join(by)}.")
    return list(dict.fromkeys([*lines, *without_the_model(session, identifier)]))


def without_the_model(session: Session, identifier: str) -> list[str]:
    """A note if moments were chosen without the model that the run was asked to use."""
    pipeline, _ = _pipeline(session, identifier)
    config = session.get(GenerationConfig, pipeline.generation_config_id)
    if config is None or is_extractive(config.model) or config.operation_type != "generation":
        return []
    roots = [moment for moment in _moments(session, pipeline) if not moment.is_refined]
    others = sum(moment.generation_model == EXTRACTIVE for moment in roots)
    if others == 0:
        return []
    if others == len(roots):
        return ["The model found no moment; these were chosen without it."]
    number = f"{others} was" if others == 1 else f"{others} were"
    return [f"The model found fewer moments than asked for; {number} chosen without it."]


def _moments(session: Session, pipeline: PipelineHistory) -> list[Moment]:
    """Those of the run's config; all of the video's where it asks for clips or scores of any."""
    found = select(Moment).where(Moment.video_id == pipeline.video_id)
    if pipeline.pipeline_type not in ("clips_only", "scores_only"):
        found = found.where(Moment.generation_config_id == pipeline.generation_config_id)
    return list(session.execute(found.order_by(Moment.start_time, Moment.id)).scalars())


def _clips(session: Session, moment_ids: list[int]) -> list[Clip]:
    return list(
        session.execute(
            select(Clip)
            .where(Clip.moment_id.in_(moment_ids))
            .order_by(Clip.start_time, Clip.id)
            .execution_options(populate_existing=True)
        ).scalars()
    )


def _thumbnails(
    session: Session, video: Video, clips: list[Clip], names: dict[int, str]
) -> list[Json]:
    moment_of = {clip.id: names[clip.moment_id] for clip in clips}
    rows = session.execute(
        select(Thumbnail)
        .where(
            (Thumbnail.video_id == video.id) | Thumbnail.clip_id.in_([clip.id for clip in clips])
        )
        .order_by(Thumbnail.clip_id.is_not(None), Thumbnail.clip_id)
        .execution_options(populate_existing=True)
    ).scalars()
    return [
        {"video": video.identifier, "cloud_url": row.cloud_url}
        if row.clip_id is None
        else {"clip": moment_of[row.clip_id], "cloud_url": row.cloud_url}
        for row in rows
    ]
