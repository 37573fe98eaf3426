"""A worker process all of whose clocks are wrong: the one of `time`, and the one of `datetime`."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, tzinfo
from multiprocessing.connection import Connection
from typing import Any

from tests.faults.worker import WorkerSpec, serve


class _LikeDatetime(type):
    """Real moments are instances, too."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, datetime)


def serve_skewed(connection: Connection, spec: WorkerSpec) -> None:
    """As `serve`, with the skew in every module of ours that asks `datetime`."""
    skew = timedelta(seconds=spec.skew_seconds)

    class Skewed(datetime, metaclass=_LikeDatetime):
        """A moment; what is now is wrong."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.now(tz) + skew

        @classmethod
        def utcnow(cls) -> Any:
            return cls.now(None)

        @classmethod
        def today(cls) -> Any:
            return cls.now(None)

    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"shared", "functions"}:
            for attribute, value in list(vars(module).items()):
                if value is datetime:
                    setattr(module, attribute, Skewed)
    # Whoever imports it from now on.
    sys.modules["datetime"].datetime = Skewed  # type: ignore[attr-defined]
    serve(connection, spec)
