"""A process with wrong clocks, in `time` and in `datetime`."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, tzinfo
from typing import Any

import pytest


class _LikeDatetime(type):
    """Real datetimes are instances, too."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, datetime)


def skew_clocks(seconds: float) -> None:
    """From now on the process's wall clocks are wrong by so much, in every module of ours."""
    true_time, true_time_ns = time.time, time.time_ns
    patch = pytest.MonkeyPatch()
    patch.setattr(time, "time", lambda: true_time() + seconds)
    patch.setattr(time, "time_ns", lambda: true_time_ns() + int(seconds * 1e9))
    skewed = _skewed(timedelta(seconds=seconds))
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"shared", "functions"}:
            for attribute, value in list(vars(module).items()):
                if value is datetime:
                    setattr(module, attribute, skewed)
    # Whoever imports it from now on.
    patch.setattr(sys.modules["datetime"], "datetime", skewed)


def _skewed(skew: timedelta) -> type:
    class Skewed(datetime, metaclass=_LikeDatetime):
        """A datetime class whose `now` is wrong."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + skew

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(None)

        @classmethod
        def today(cls) -> Any:
            return cls.now(None)

    return Skewed
