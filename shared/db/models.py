"""Every table, in one place to import from."""

from __future__ import annotations

from shared.db.tables.ai import AiRequest, ModelConfig, MomentCandidate
from shared.db.tables.base import Base
from shared.db.tables.clips import Clip, Thumbnail
from shared.db.tables.deletions import Deletion
from shared.db.tables.moments import GenerationConfig, Moment, Prompt
from shared.db.tables.runs import PipelineHistory, Run, StageRun
from shared.db.tables.statuses import UNFINISHED, RunStatus, StageRunStatus
from shared.db.tables.videos import Transcript, Video

__all__ = [
    "UNFINISHED",
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
    "Run",
    "RunStatus",
    "StageRun",
    "StageRunStatus",
    "Thumbnail",
    "Transcript",
    "Video",
]
