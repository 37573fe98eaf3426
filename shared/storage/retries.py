"""How long a remote store is given before it counts as unavailable."""

from __future__ import annotations

from dataclasses import dataclass

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential, wait_random

# Answers of a server that is overloaded or ill, to be asked again.
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


class Interrupted(Exception):
    """One attempt failed in a way that another may not."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` in all, waiting exponentially longer, with jitter, between them."""

    attempts: int = 6
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 10.0
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect, and seconds to wait for each piece of an answer."""
        return (self.connect_timeout_seconds, self.read_timeout_seconds)

    @property
    def deadline_seconds(self) -> float:
        """How long all waits together may take at most."""
        waits = (self.first_wait_seconds * 2.0**n for n in range(self.attempts - 1))
        return float(sum(min(wait, self.longest_wait_seconds) for wait in waits))

    def retrying(self) -> Retrying:
        """Calls again what raised `Interrupted`; raises the last one."""
        return Retrying(
            retry=retry_if_exception_type(Interrupted),
            stop=stop_after_attempt(self.attempts),
            wait=wait_exponential(multiplier=self.first_wait_seconds, max=self.longest_wait_seconds)
            + wait_random(0, self.first_wait_seconds),
            reraise=True,
        )
