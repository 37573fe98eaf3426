"""The job of a stage that finds, selects or scores moments."""

from __future__ import annotations

from functools import cached_property

from sqlalchemy import select

from shared.db.models import GenerationConfig
from shared.engines.llm.protocol import Endpoint
from shared.model_calls.endpoints import endpoint_of
from shared.videos.video_job import VideoJob


class MomentsJob(VideoJob):
    """A job whose run has a generation config."""

    @cached_property
    def config(self) -> GenerationConfig:
        """The generation config of the run."""
        with self.read() as session:
            return session.execute(
                select(GenerationConfig).where(
                    GenerationConfig.id == self.history.generation_config_id
                )
            ).scalar_one()

    def endpoint(self) -> Endpoint:
        """The endpoint of the config's model. Raises Reject if the model is no longer known."""
        config = self.config
        with self.read() as session:
            return endpoint_of(session, self.settings, config)
