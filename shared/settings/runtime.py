"""How long a lease lasts, how often a stage is tried, how long to wait in between."""

from __future__ import annotations

from dataclasses import dataclass

MAX_BACKOFF_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Policy:
    """The runtime's figures, from the settings."""

    lease_seconds: float = 90
    heartbeat_seconds: float = 20
    max_attempts: int = 5
    retry_base_seconds: float = 10
    republish_seconds: float = 120
    keep_failed_seconds: float = 7 * 86_400

    def backoff_seconds(self, attempt: int) -> float:
        """Wait after that attempt failed: doubles each time, at most ten minutes."""
        return min(MAX_BACKOFF_SECONDS, self.retry_base_seconds * 2.0 ** min(attempt - 1, 30))
