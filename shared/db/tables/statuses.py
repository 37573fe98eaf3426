"""The statuses of runs and of stage runs, as stored."""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    """The status of a run. Only a running one begins further stage runs."""

    RUNNING = "running"
    """At least one stage run is unfinished."""

    COMPLETED = "completed"
    """Every stage run is completed or had nothing to do."""

    PARTIAL = "partial"
    """Only optional stages failed: a clip or a thumbnail is missing."""

    FAILED = "failed"
    """A required stage failed."""

    SUPERSEDED = "superseded"
    """The source was overwritten; the newer version has its own run."""

    SOURCE_GONE = "source_gone"
    """The source was deleted or moved while the run needed it."""


class StageRunStatus(StrEnum):
    """The status of a stage run. It holds a lease exactly while it is running."""

    QUEUED = "queued"
    """Its message is published, or will be: a worker may take it once it is due."""

    RUNNING = "running"
    """A worker has its lease."""

    COMPLETED = "completed"
    """Its results and its messages are committed."""

    FAILED = "failed"
    """It was rejected, or has no attempt left."""

    SKIPPED = "skipped"
    """It had nothing to do, or it never began because its run had failed."""


UNFINISHED = (StageRunStatus.QUEUED, StageRunStatus.RUNNING)
"""A run has not ended while one of its stage runs has such a status."""
