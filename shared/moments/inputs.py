"""Read a run's inputs: its transcript, its bounds, its prompts and its instruction."""

from __future__ import annotations

from sqlalchemy import select

from shared.db import models
from shared.db.models import GenerationConfig
from shared.domain.transcript import TimedTranscript
from shared.error_codes.runs import NO_TRANSCRIPT
from shared.errors import NotThere
from shared.moments.moments_job import MomentsJob
from shared.moments.prompts.prompt_set import PromptSet, load_prompt_set
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.script import Script
from shared.transcripts.rows import from_row
from shared.videos.video_job import VideoJob


def transcript_of(job: VideoJob) -> TimedTranscript:
    """The transcript of the video. Raises NotThere before it is written or after its deletion."""
    with job.read() as session:
        row = session.execute(
            select(models.Transcript).where(models.Transcript.video_id == job.video.id)
        ).scalar_one_or_none()
    if row is None:
        raise NotThere(NO_TRANSCRIPT, "The transcript of this video was deleted.")
    return from_row(row)


def script_of(job: VideoJob) -> Script:
    """The transcript, split into numbered sentences."""
    return Script.of(transcript_of(job), job.video.duration_seconds or 0.0)


def bounds_of(config: GenerationConfig, most: int) -> Bounds:
    """The config's bounds; at most `most` moments if it sets no limit."""
    return Bounds(
        config.min_moment_length or 0.0,
        config.max_moment_length or float("inf"),
        config.min_moments or 0,
        config.max_moments or max(most, config.min_moments or 0),
    )


def prompts_of(job: VideoJob) -> PromptSet:
    """The prompts for the run's kind of content. Raises Reject."""
    return load_prompt_set(job.options.kind or job.settings.kind, job.settings.prompt_folder)


def system_of(job: MomentsJob) -> str:
    """The system prompt that the run started with; later edits of its file have no effect."""
    with job.read() as session:
        return session.execute(
            select(models.Prompt.system_prompt).where(models.Prompt.id == job.config.prompt_id)
        ).scalar_one()


def instruction_of(job: MomentsJob) -> str:
    """The user's own instruction; empty if there is none."""
    with job.read() as session:
        return session.execute(
            select(models.Prompt.user_prompt).where(models.Prompt.id == job.config.prompt_id)
        ).scalar_one()
