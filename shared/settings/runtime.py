"""The settings of the runtime, a part of `Settings`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

MAX_BACKOFF_SECONDS = 600.0


class RuntimeSettings(BaseSettings):
    """Leases, attempts and the waits between them, in seconds."""

    lease_seconds: float = Field(
        default=90, gt=0, description="How long a lease lasts; then another worker may take over."
    )
    heartbeat_seconds: float = Field(
        default=20, gt=0, description="How often a running stage renews its lease."
    )
    max_attempts: int = Field(
        default=5, ge=1, le=100, description="Attempts before a stage run fails for good."
    )
    retry_base_seconds: float = Field(
        default=10,
        gt=0,
        description="Wait before the second attempt. It doubles, up to 10 minutes.",
    )
    republish_seconds: float = Field(
        default=120,
        gt=0,
        description="How long a message may stay queued before the sweep publishes it again.",
    )
    keep_failed_seconds: float = Field(
        default=604_800,
        ge=0,
        description="How long a failed run keeps its temporary objects, so that a retry repeats "
        "only the failed stages. 7 days by default.",
    )
    workers: int = Field(
        default=2, ge=1, le=64, description="Functions that run at once, on one machine."
    )

    def backoff_seconds(self, attempt: int) -> float:
        """Return the wait after `attempt` (from 1) failed. It doubles, up to ten minutes."""
        return min(MAX_BACKOFF_SECONDS, self.retry_base_seconds * 2.0 ** min(attempt - 1, 30))
