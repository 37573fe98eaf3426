"""Run the configs of `videomoments eval`, in this process or through the functions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from cli.evaluation.configs import METHODS, Config, Propose
from cli.evaluation.proposals import Attempt, Recording
from cli.local.home import Home
from shared.moments.rules.bounds import Bounds
from shared.settings.settings import Settings


@contextmanager
def generators(
    settings: Settings, home: Home, configs: Sequence[Config], on_wait: Callable[[str], None]
) -> Iterator[Propose]:
    """Yield a callable that runs any config on a recording and measures the time.

    Raises `Reject` for an unknown model.
    """
    if all(config.asks is None for config in configs):
        yield _by_method
        return
    # Importing every function takes time, and other methods need no database.
    from cli.evaluation.models import model_runs

    with model_runs(settings, home, configs, on_wait) as ask:

        def propose(config: Config, recording: Recording, bounds: Bounds) -> Attempt:
            run = _by_method if config.asks is None else ask
            return run(config, recording, bounds)

        yield propose


def _by_method(config: Config, recording: Recording, bounds: Bounds) -> Attempt:
    began = time.perf_counter()
    found = METHODS[config.method](recording, bounds)
    return Attempt(replace(found, seconds=time.perf_counter() - began))
