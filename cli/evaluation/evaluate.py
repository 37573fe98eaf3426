"""`videomoments eval`: compare generators with labels that people marked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cli.evaluation import report
from cli.evaluation.configs import BASELINES, Config, parse_config
from cli.evaluation.generators import generators
from cli.evaluation.labelled_set import LabelledSet, read_set
from cli.evaluation.limits import check_names, parse_limit
from cli.evaluation.measuring.measures import Measures, Proposal, measure, total
from cli.evaluation.proposals import Attempt
from cli.evaluation.recordings import recordings
from cli.evaluation.report import Result
from cli.local.home import Home
from shared.error_codes.commands import CONFIG_INVALID
from shared.errors import Reject
from shared.settings.settings import Settings

_WIDTH = 140


@dataclass(frozen=True, slots=True)
class EvalRequest:
    """The command line's request."""

    labelled_set: Path
    configs: list[str]
    fail_under: list[str]
    diff: tuple[str, str] | None
    baselines: bool
    as_json: bool
    home: Home


def evaluate(settings: Settings, request: EvalRequest) -> int:
    """Exit code 0, or 1 if a limit is broken or an item had a problem.

    Raises Reject for an invalid set or config.
    """
    labelled = read_set(request.labelled_set)
    configs = _configs(request)
    limits = [parse_limit(text, configs) for text in request.fail_under]
    if request.diff is not None:
        check_names(request.diff, configs)
    stderr = Console(stderr=True, soft_wrap=True)
    results = _results(settings, request, labelled, configs, stderr)
    totals = {c.name: total([r.measures for r in results if r.config == c.name]) for c in configs}
    if request.as_json:
        _print_json(request, labelled, configs, results, totals)
    else:
        stdout = Console()
        if not stdout.is_terminal:
            stdout.width = _WIDTH
        report.show(stdout, results, totals)
        if request.diff is not None:
            report.show_difference(stdout, request.diff, results, totals)
    broken = [
        line
        for limit in limits
        for config in configs
        if (line := limit.broken_by(config, totals[config.name])) is not None
    ]
    broken += [f"{r.item}, {r.config}: {r.error}" for r in results if r.error is not None]
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
        raise Reject(CONFIG_INVALID, f"Every --config needs its own name: {names}.")
    return configs


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
    with generators(settings, request.home, configs, say) as propose:
        for item, recording in zip(labelled.items, heard, strict=True):
            for config in configs:
                bounds = config.bounds_for(item.bounds, labelled.bounds, settings=settings)
                found = (
                    Attempt(Proposal(()), recording.message)
                    if isinstance(recording, Reject)
                    else propose(config, recording, bounds)
                )
                words = () if isinstance(recording, Reject) else recording.transcript.words
                marks = measure(item.reference, found.proposal, words)
                results.append(Result(item.name, config.name, found.proposal, marks, found.error))
    return results


def _print_json(
    request: EvalRequest,
    labelled: LabelledSet,
    configs: Sequence[Config],
    results: Sequence[Result],
    totals: dict[str, Measures],
) -> None:
    found = report.document(labelled, configs, results, totals)
    if request.diff is not None:
        one, other = request.diff
        found["diff"] = {
            "from": one,
            "to": other,
            "total": report.difference(totals[one], totals[other]),
        }
    print(json.dumps(found, ensure_ascii=False, indent=2))  # noqa: T201
