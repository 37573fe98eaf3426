"""The reports of `videomoments eval`: a table for people, a document for programs, a diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.evaluation.configs import Config
from cli.evaluation.labelled_set import LabelledSet
from cli.evaluation.measuring.measures import LOWER_IS_BETTER, NAMES, Measures, Proposal
from shared.domain.documents import Json

HEADINGS = {
    "recall_50": "R@.5",
    "recall_70": "R@.7",
    "precision": "P@.5",
    "f1": "F1",
    "mean_iou": "mIoU",
    "boundary_error_seconds": "edge s",
    "pk": "Pk",
    "window_diff": "WD",
    "cut_words": "cut",
    "moments": "found",
    "tokens": "tokens",
    "cost": "cost",
    "seconds": "time s",
}
_WHOLE = frozenset({"cut_words", "moments", "tokens"})
TOTAL = "TOTAL"


@dataclass(frozen=True, slots=True)
class Result:
    """One config on one item."""

    item: str
    config: str
    proposal: Proposal
    measures: Measures
    error: str | None = None


def document(
    labelled: LabelledSet,
    configs: Sequence[Config],
    results: Sequence[Result],
    totals: dict[str, Measures],
) -> Json:
    """The whole result as one JSON document. Times in seconds."""
    return {
        "set": {"name": labelled.name, "fingerprint": labelled.fingerprint},
        "configs": [
            {
                "name": c.name,
                "method": c.method,
                **({"model": c.asks.model, **c.asks.given} if c.asks is not None else {}),
                **c.bounds.model_dump(exclude_none=True),
            }
            for c in configs
        ],
        "items": [
            {
                "name": item.name,
                "results": {r.config: _result(r) for r in results if r.item == item.name},
            }
            for item in labelled.items
        ],
        "total": {name: asdict(measures) for name, measures in totals.items()},
    }


def _result(result: Result) -> Json:
    found = result.proposal
    times = found.topic_boundaries
    return {
        **asdict(result.measures),
        "spans": [[round(m.start_seconds, 3), round(m.end_seconds, 3)] for m in found.moments],
        "topic_boundaries": None if times is None else [round(t, 3) for t in times],
        "error": result.error,
    }


def difference(one: Measures, other: Measures) -> dict[str, float | None]:
    """Each measure of `other` minus that of `one`; None if either is None."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in NAMES}
    return {n: None if a is None or b is None else b - a for n, (a, b) in pairs.items()}


def show(console: Console, results: Sequence[Result], totals: dict[str, Measures]) -> None:
    """Print every item with a row for each config, then the whole set."""
    table = _table("item", "config")
    items = list(dict.fromkeys(r.item for r in results))
    for item in items:
        rows = [r for r in results if r.item == item]
        for n, row in enumerate(rows):
            name = item if n == 0 else ""
            config = row.config if row.error is None else f"{row.config} (!)"
            table.add_row(name, config, *_cells(row.measures), end_section=row is rows[-1])
    for n, (config, measures) in enumerate(totals.items()):
        table.add_row(TOTAL if n == 0 else "", config, *_cells(measures), style="bold")
    console.print(table)


def show_difference(
    console: Console,
    names: tuple[str, str],
    results: Sequence[Result],
    totals: dict[str, Measures],
) -> None:
    """Print how the second config differs from the first, per item and in total."""
    found = {(r.item, r.config): r.measures for r in results}
    table = _table(f"{names[1]} − {names[0]}")  # noqa: RUF001
    for item in dict.fromkeys(r.item for r in results):
        table.add_row(item, *_changes(difference(found[item, names[0]], found[item, names[1]])))
    table.add_section()
    table.add_row(TOTAL, *_changes(difference(totals[names[0]], totals[names[1]])), style="bold")
    console.print(table)


def _table(*first: str) -> Table:
    table = Table(show_edge=False, pad_edge=False)
    for name in first:
        table.add_column(name, overflow="fold")
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def _cells(measures: Measures) -> list[str]:
    return [_cell(name, getattr(measures, name)) for name in HEADINGS]


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return "–"
    if name == "cost" and 0 < value < 0.1:
        return f"{value:.2g}"
    return f"{value:.0f}" if name in _WHOLE else f"{value:.2f}"


def _changes(changes: dict[str, float | None]) -> list[Text]:
    return [_change(name, changes[name]) for name in HEADINGS]


def _change(name: str, change: float | None) -> Text:
    if change is None:
        return Text("–")
    text = f"{change:+.0f}" if name in _WHOLE else f"{change:+.2f}"
    if name == "moments" or not float(text):
        return Text(text)
    better = (change < 0) == (name in LOWER_IS_BETTER)
    return Text(text, style="green" if better else "red")
