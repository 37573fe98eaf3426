"""Workers' clocks may be minutes apart: what decides anything asks the database's."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
DECIDING = ("functions", "shared/pipeline", "shared/db", "shared/domain")
# What tells this machine's wall clock; `monotonic` and `perf_counter` only measure.
WALL_CLOCKS = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime", "strftime"}
OWNERS = {"time", "datetime", "date", "dt"}
# The name of a process, which no other has; it is compared with nothing.
ALLOWED = {("shared/pipeline/context.py", "time_ns")}


def _asked(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((PROJECT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for name in _clocks(node):
                yield path.relative_to(PROJECT).as_posix(), name


def _clocks(node: ast.AST) -> Iterator[str]:
    """Wall clocks the node names, called or handed on (`default=datetime.now`), or imports."""
    if isinstance(node, ast.Attribute) and node.attr in WALL_CLOCKS:
        if ast.unparse(node.value).rpartition(".")[2] in OWNERS:
            yield node.attr
    elif isinstance(node, ast.ImportFrom) and node.module == "time":
        yield from (alias.name for alias in node.names if alias.name in WALL_CLOCKS)


@pytest.mark.parametrize(
    "code",
    [
        "time.time()",
        "field(default=datetime.now)",
        "datetime.datetime.utcnow()",
        "from time import time",
    ],
)
def test_a_clock_is_seen_however_it_is_named(code: str) -> None:
    """Called, handed on, through its module, or imported by itself."""
    assert [name for node in ast.walk(ast.parse(code)) for name in _clocks(node)]


def test_no_decision_asks_the_clock_of_a_worker() -> None:
    """Leases, backoffs, sweeps, grace periods and times in rows are the database's alone."""
    assert {place for folder in DECIDING for place in _asked(folder)} == ALLOWED
