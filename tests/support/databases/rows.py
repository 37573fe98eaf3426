"""Rows for tests of the schema."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.db.models import (
    AiRequest,
    Base,
    Clip,
    GenerationConfig,
    Moment,
    MomentCandidate,
    PipelineHistory,
    Prompt,
    Run,
    StageRun,
    Thumbnail,
    Transcript,
    Video,
)


def count_rows(session: Session) -> dict[str, int]:
    """Rows by table."""
    return {
        table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
        for table in Base.metadata.sorted_tables
    }


def add_config(session: Session) -> GenerationConfig:
    """A config and its prompt."""
    prompt = Prompt(user_prompt="u", system_prompt="s", prompt_hash="p" * 64)
    session.add(prompt)
    session.flush()
    config = GenerationConfig(
        prompt_id=prompt.id, model="m", operation_type="generation", config_hash="c" * 64
    )
    session.add(config)
    session.flush()
    return config


def add_video(session: Session) -> Video:
    """A video without facts."""
    video = Video(identifier=uuid.uuid4().hex, cloud_url="file:///b/v.mp4")
    session.add(video)
    session.flush()
    return video


def new_moment(video_id: int, **values: object) -> Moment:
    """A root moment, unless `values` say otherwise; not added to a session."""
    identifier = uuid.uuid4().hex[:16]
    base = {"identifier": identifier, "start_time": 1.0, "end_time": 2.0, "title": "A moment"}
    return Moment(**{**base, "video_id": video_id, **values})


def new_stage_run(run_id: int | None, subject: str) -> StageRun:
    """A queued stage run; not added to a session."""
    return StageRun(
        run_id=run_id,
        stage="probe_video",
        subject=subject,
        topic="t",
        message={},
        status="queued",
    )


def new_ai_request(run_id: int | None, **values: object) -> AiRequest:
    """An answered call; not added to a session."""
    base: dict[str, object] = {
        "stage": "generate_window",
        "subject": "s",
        "operation": "generate",
        "model": "m",
        "request": {},
        "request_hash": "h" * 64,
        "outcome": "answered",
        "input_tokens": 10,
        "output_tokens": 5,
    }
    return AiRequest(**{**base, "run_id": run_id, **values})


def new_candidate(pipeline: PipelineHistory, prompt_id: int, **values: object) -> MomentCandidate:
    """A proposed moment; not added to a session."""
    base: dict[str, object] = {
        "operation": "generate",
        "model": "m",
        "asked": {},
        "proposal": {},
        "status": "proposed",
        "video_id": pipeline.video_id,
    }
    return MomentCandidate(**{**base, "pipeline_id": pipeline.id, "prompt_id": prompt_id, **values})


def add_whole_video(session: Session, config: GenerationConfig) -> Video:
    """A video with a transcript, a moment refined once, a clip, thumbnails, a pipeline, a call."""
    video = add_video(session)
    session.add(
        Transcript(video_id=video.id, full_text="", word_timestamps=[], segment_timestamps=[])
    )
    root = new_moment(video.id, generation_config_id=config.id)
    session.add(root)
    pipeline = PipelineHistory(
        identifier=f"pipeline:{video.identifier}",
        video_id=video.id,
        generation_config_id=config.id,
        pipeline_type="full",
        status="running",
        started_at=datetime.now(UTC),
    )
    session.add(pipeline)
    session.flush()
    clip = Clip(
        moment_id=root.id,
        video_id=video.id,
        cloud_url="file:///b/c.mp4",
        start_time=0.0,
        end_time=3.0,
        padding_left=1.0,
        padding_right=1.0,
    )
    refined = new_moment(
        video.id, generation_config_id=config.id, is_refined=True, parent_id=root.id
    )
    run_id = session.execute(
        select(Run.id).where(Run.pipeline_history_id == pipeline.id)
    ).scalar_one()
    first = new_stage_run(run_id, "first")
    session.add_all([clip, refined, first])
    session.flush()
    second = new_stage_run(run_id, "second")
    second.parent_id = first.id
    session.add_all(
        [
            second,
            Thumbnail(video_id=video.id, cloud_url="file:///b/v.jpg"),
            Thumbnail(clip_id=clip.id, cloud_url="file:///b/c.jpg"),
            new_ai_request(run_id),
            new_candidate(pipeline, config.prompt_id, moment_id=root.id, status="chosen"),
        ]
    )
    session.commit()
    return video
