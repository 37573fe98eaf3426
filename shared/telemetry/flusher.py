"""Exports from its own thread, so that a slow collector never delays a delivery too long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

TICK_SECONDS = 5.0
METRIC_SECONDS = 15.0
"""Google Cloud accepts at most one point of a time series every 5 seconds."""


class Flusher:
    """Calls `export_spans` and `export_metrics`: at intervals, on request, and at the end.

    Exports metrics at most every `METRIC_SECONDS`, and only after a `touch`. Metrics are sums, so
    the next export includes everything that one leaves out. `clock` gives seconds.
    """

    def __init__(
        self,
        export_spans: Callable[[], object],
        export_metrics: Callable[[], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._export_spans = export_spans
        self._export_metrics = export_metrics
        self._clock = clock
        self._changed = threading.Condition()
        self._asked = 0
        self._done = 0
        self._late = False
        self._closing = False
        self._touched = False
        self._metrics_due = float("-inf")
        self._thread = threading.Thread(target=self._work, name="telemetry", daemon=True)
        self._thread.start()

    def touch(self) -> None:
        """Note that there are new measurements."""
        self._touched = True

    def flush(self, timeout_seconds: float) -> bool:
        """Export everything. False if that took too long; the export then continues.

        Does not wait while an earlier export is late.
        """
        with self._changed:
            if self._late or self._closing:
                return False
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: self._done >= mine, timeout_seconds)
            self._late = not done
            return done

    def close(self, timeout_seconds: float) -> None:
        """Export the rest, and end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout_seconds)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._is_wanted, TICK_SECONDS)
                asked, closing = self._asked, self._closing
            self._export_spans()
            self._export_figures(at_once=closing)
            with self._changed:
                self._done = asked
                self._late = False
                self._changed.notify_all()
            if closing:
                return

    def _is_wanted(self) -> bool:
        return self._closing or self._asked > self._done

    def _export_figures(self, *, at_once: bool) -> None:
        if not self._touched or not (at_once or self._clock() >= self._metrics_due):
            return
        self._touched = False
        self._metrics_due = self._clock() + METRIC_SECONDS
        self._export_metrics()
