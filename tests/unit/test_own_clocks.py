"""Workers' clocks may be minutes apart: what decides anything asks the database's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DECIDING = ("functions", "shared/pipeline", "shared/db", "shared/domain")
# What tells this machine's wall clock; `monotonic` and `perf_counter` only measure.
WALL_CLOCKS = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime", "strftime"}
OWNERS = {"time", "datetime", "date", "dt"}
# The name of a process, which no other has; it is compared with nothing.
ALLOWED = {("shared/pipeline/context.py", "time_ns")}


def _asked(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((PROJECT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id in OWNERS
                and node.func.attr in WALL_CLOCKS
            ):
                yield path.relative_to(PROJECT).as_posix(), node.func.attr


def test_no_decision_asks_the_clock_of_a_worker() -> None:
    """Leases, backoffs, sweeps, grace periods and times in rows are the database's alone."""
    assert {place for folder in DECIDING for place in _asked(folder)} == ALLOWED
