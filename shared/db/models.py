"""Every table, in one place to import from."""

from __future__ import annotations

from shared.db.base import Base
from shared.db.models_ai import AiRequest, ModelConfig, MomentCandidate
from shared.db.models_deletion import Deletion
from shared.db.models_moment import GenerationConfig, Moment, Prompt
from shared.db.models_output import Clip, Thumbnail
from shared.db.models_run import PipelineHistory, StageRun
from shared.db.models_source import Transcript, Video

__all__ = [
    "AiRequest",
    "Base",
    "Clip",
    "Deletion",
    "GenerationConfig",
    "ModelConfig",
    "Moment",
    "MomentCandidate",
    "PipelineHistory",
    "Prompt",
    "StageRun",
    "Thumbnail",
    "Transcript",
    "Video",
]
