"""Ask several questions of a model at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from shared.errors import Reject

T = TypeVar("T")
R = TypeVar("R")


def run_concurrently(work: Callable[[T], R], items: Iterable[T], limit: int) -> list[R]:
    """Run `work` on each item, up to `limit` at a time; return the results in order.

    Waits for all items before it raises. Reject takes precedence over a transient error, and of
    transient errors the one that asks for the longest wait, so that no retry comes too early. The
    answers so far are on record.
    """
    with ThreadPoolExecutor(limit, thread_name_prefix="ask-model") as pool:
        # The context carries the stage's span and log fields into each thread.
        futures = [pool.submit(copy_context().run, work, item) for item in items]
    errors = [error for future in futures if (error := future.exception()) is not None]
    for error in sorted(errors, key=_urgency):
        raise error
    return [future.result() for future in futures]


def _urgency(error: BaseException) -> tuple[bool, float]:
    return not isinstance(error, Reject), -(getattr(error, "retry_after_seconds", None) or 0.0)
