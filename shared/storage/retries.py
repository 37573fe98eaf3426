"""How long to retry a remote store before it counts as unavailable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay
from tenacity.wait import wait_exponential, wait_random

# Statuses of an overloaded or faulty server, which deserve another attempt.
TRANSIENT_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


class Interrupted(Exception):
    """One attempt failed; another may succeed."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`attempts` in all, with exponentially growing, jittered waits between them.

    No attempt begins later than `give_up_after_seconds` after the first.
    """

    attempts: int = 6
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 10.0
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 60.0
    give_up_after_seconds: float = 120.0

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect, and seconds to wait for each part of a response."""
        return (self.connect_timeout_seconds, self.read_timeout_seconds)

    def retries(self, may_pass: Callable[[BaseException], bool] | None = None) -> Retrying:
        """Retries after `Interrupted` or an error that `may_pass` accepts; raises the last one."""
        return Retrying(
            retry=retry_if_exception(may_pass or _is_interruption),
            stop=stop_after_attempt(self.attempts) | stop_after_delay(self.give_up_after_seconds),
            wait=wait_exponential(multiplier=self.first_wait_seconds, max=self.longest_wait_seconds)
            + wait_random(0, self.first_wait_seconds),
            reraise=True,
        )


def _is_interruption(error: BaseException) -> bool:
    return isinstance(error, Interrupted)
