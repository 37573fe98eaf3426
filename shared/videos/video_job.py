"""The job of a stage that works on a video."""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar

from sqlalchemy import select

from shared.db.models import PipelineHistory, Run, StageRun, Video
from shared.media.sandbox.runner import Limits, Sandbox
from shared.messages.base import PipelineMessage
from shared.messages.options import Options
from shared.pipeline.job import Job
from shared.settings.settings import Settings

RunMessage = TypeVar("RunMessage", bound=PipelineMessage)


class VideoJob(Job):
    """A job of a run over a video."""

    @cached_property
    def history(self) -> PipelineHistory:
        """The run's row in pipeline_history, as it was when the job first read it."""
        with self.read() as session:
            return session.execute(
                select(PipelineHistory)
                .join(Run, Run.pipeline_history_id == PipelineHistory.id)
                .where(Run.id == self.run.id)
            ).scalar_one()

    @cached_property
    def video(self) -> Video:
        """The run's video, as it was when the job first read it."""
        with self.read() as session:
            return session.execute(
                select(Video).where(Video.id == self.history.video_id)
            ).scalar_one()

    @cached_property
    def options(self) -> Options:
        """The options of the run: admission resolved them and stored them in its first message."""
        with self.read() as session:
            first = session.execute(
                select(StageRun.message)
                .where(StageRun.run_id == self.run.id)
                .order_by(StageRun.id)
                .limit(1)
            ).scalar_one()
        return Options.model_validate(first.get("options") or {})

    @property
    def sandbox(self) -> Sandbox:
        """The limits of a media child that starts now; it may run until the stage's time limit.

        Raises `LeaseLost` if another worker took over.
        """
        return Sandbox(media_limits(self.settings), self.remaining_seconds)

    def message(self, contract: type[RunMessage], **fields: Any) -> RunMessage:
        """A message of that contract about this run and its video. Raises `ValidationError`."""
        return contract.model_validate(
            {"pipeline": self.run.identifier, "video": self.video.identifier, **fields}
        )


def media_limits(settings: Settings) -> Limits:
    """The resources that the deployment allows a media child to use."""
    return Limits(
        address_space_bytes=settings.child_memory_mib * 1024 * 1024,
        max_pixels=settings.max_pixels,
        threads=settings.ffmpeg_threads,
        ffmpeg=str(settings.ffmpeg) if settings.ffmpeg is not None else None,
    )
