"""`videomoments eval`: generators held against what people marked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli import eval_report
from cli.eval_configs import BASELINES, Config, parse_config
from cli.eval_media import recordings
from cli.eval_report import Result
from cli.home import Home
from cli.labelled_set import LabelledSet, read_set
from shared.domain.evaluation.measures import LOWER_IS_BETTER, NAMES, Measures, measure, total
from shared.errors import Reject
from shared.settings import Settings

_ALIASES = {"recall@0.5": "recall_50", "recall@0.7": "recall_70", "iou": "mean_iou"}
_WIDTH = 140


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """What the command line asked for."""

    labelled_set: Path
    configs: list[str]
    fail_under: list[str]
    diff: tuple[str, str] | None
    baselines: bool
    as_json: bool
    home: Home


@dataclass(frozen=True, slots=True)
class Limit:
    """The worst total a config may have; of one config, or of all that are no baselines."""

    config: str | None
    metric: str
    value: float

    def broken_by(self, config: Config, measures: Measures) -> str | None:
        """One readable line, or None where the limit holds or does not concern the config."""
        concerned = config.name == self.config if self.config else config.method not in BASELINES
        if not concerned:
            return None
        got: float | None = getattr(measures, self.metric)
        if got is None:
            return f"{config.name}: {self.metric} could not be measured"
        lower = self.metric in LOWER_IS_BETTER
        if (got > self.value) if lower else (got < self.value):
            side = "above" if lower else "below"
            return f"{config.name}: {self.metric} is {got:.3f}, {side} {self.value:g}"
        return None


def evaluate(settings: Settings, request: EvalRequest) -> int:
    """Exit code 0, or 1 where a limit is broken. Raises Reject where set or config is wrong."""
    labelled = read_set(request.labelled_set)
    configs = _configs(request)
    limits = [parse_limit(text, configs) for text in request.fail_under]
    if request.diff is not None:
        _check_names(request.diff, configs)
    stderr = Console(stderr=True, soft_wrap=True)
    results = _results(settings, request, labelled, configs, stderr)
    totals = {c.name: total([r.measures for r in results if r.config == c.name]) for c in configs}
    if request.as_json:
        _print_json(request, labelled, configs, results, totals)
    else:
        stdout = Console()
        if not stdout.is_terminal:
            stdout.width = _WIDTH
        eval_report.show(stdout, results, totals)
        if request.diff is not None:
            eval_report.show_difference(stdout, request.diff, results, totals)
    broken = [
        line
        for limit in limits
        for config in configs
        if (line := limit.broken_by(config, totals[config.name])) is not None
    ]
    for line in broken:
        stderr.print(line, style="red", highlight=False, markup=False)
    return 1 if broken else 0


def _configs(request: EvalRequest) -> list[Config]:
    texts = request.configs or ["extractive"]
    if request.baselines:
        named = {text.partition("=")[0].partition(",")[0] for text in texts}
        texts = [*texts, *(name for name in BASELINES if name not in named)]
    configs = [parse_config(text) for text in texts]
    names = [config.name for config in configs]
    if len(set(names)) < len(names):
        raise Reject("config_invalid", f"Every --config needs a name of its own: {names}.")
    return configs


def _check_names(names: Sequence[str], configs: Sequence[Config]) -> None:
    known = [config.name for config in configs]
    for name in names:
        if name not in known:
            raise Reject("config_invalid", f"No config is named {name!r}; there are {known}.")


def parse_limit(text: str, configs: Sequence[Config]) -> Limit:
    """`METRIC=VALUE` or `CONFIG:METRIC=VALUE`. Raises Reject("config_invalid")."""
    left, _, value = text.partition("=")
    config, _, metric = left.rpartition(":")
    metric = _ALIASES.get(metric, metric)
    if config:
        _check_names([config], configs)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if metric not in NAMES or number != number:
        raise Reject(
            "config_invalid",
            f"--fail-under {text}: give METRIC=VALUE, METRIC one of {', '.join(NAMES)}.",
        )
    return Limit(config or None, metric, number)


def _results(
    settings: Settings,
    request: EvalRequest,
    labelled: LabelledSet,
    configs: Sequence[Config],
    stderr: Console,
) -> list[Result]:
    def say(text: str) -> None:
        stderr.print(text, highlight=False, markup=False)

    heard = recordings(
        settings,
        request.home,
        labelled.items,
        folder=request.labelled_set.parent,
        on_notice=say,
    )
    results: list[Result] = []
    for item, recording in zip(labelled.items, heard, strict=True):
        for config in configs:
            found = config.propose(recording, item.bounds, labelled.bounds, settings=settings)
            marks = measure(item.reference, found, recording.transcript.words)
            results.append(Result(item.name, config.name, found, marks))
    return results


def _print_json(
    request: EvalRequest,
    labelled: LabelledSet,
    configs: Sequence[Config],
    results: Sequence[Result],
    totals: dict[str, Measures],
) -> None:
    found = eval_report.document(labelled, configs, results, totals)
    if request.diff is not None:
        one, other = request.diff
        found["diff"] = {
            "from": one,
            "to": other,
            "total": eval_report.difference(totals[one], totals[other]),
        }
    print(json.dumps(found, ensure_ascii=False, indent=2))  # noqa: T201
