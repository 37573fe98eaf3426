"""Workers' clocks may differ by minutes, so every decision uses the database's clock."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
DECIDING = ("functions", "shared/pipeline", "shared/db", "shared/domain")
# Names of this machine's wall clock; `monotonic` and `perf_counter` only measure.
WALL_CLOCKS = {"time", "time_ns", "now", "utcnow", "today", "localtime", "gmtime", "strftime"}
OWNERS = {"time", "datetime", "date", "dt"}
# A unique process name; it is never compared with another time.
ALLOWED = {("shared/pipeline/context.py", "time_ns")}


def _asked(folder: str) -> Iterator[tuple[str, str]]:
    for path in sorted((PROJECT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for name in _clocks(node):
                yield path.relative_to(PROJECT).as_posix(), name


def _clocks(node: ast.AST) -> Iterator[str]:
    """Wall clocks that the node names, calls, passes on (`default=datetime.now`) or imports."""
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
def test_clock_search_finds_every_use(code: str) -> None:
    """It finds a clock that is called, passed on, reached through its module or imported."""
    assert [name for node in ast.walk(ast.parse(code)) for name in _clocks(node)]


def test_product_uses_only_the_databases_clock_for_decisions() -> None:
    """Leases, backoffs, sweeps, grace periods and times in rows use only the database's clock."""
    assert {place for folder in DECIDING for place in _asked(folder)} == ALLOWED
