"""`--fail-under` of `videomoments eval`: limits on totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cli.evaluation.configs import BASELINES, Config
from cli.evaluation.measuring.measures import LOWER_IS_BETTER, NAMES, Measures
from shared.error_codes.commands import CONFIG_INVALID
from shared.errors import Reject

_ALIASES = {"recall@0.5": "recall_50", "recall@0.7": "recall_70", "iou": "mean_iou"}


@dataclass(frozen=True, slots=True)
class Limit:
    """The worst total that a config may have: one config, or all except baselines."""

    config: str | None
    metric: str
    value: float

    def broken_by(self, config: Config, measures: Measures) -> str | None:
        """One readable line, or None if the limit holds or concerns another config."""
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


def check_names(names: Sequence[str], configs: Sequence[Config]) -> None:
    """Raises Reject(CONFIG_INVALID) for a name that no config has."""
    known = [config.name for config in configs]
    for name in names:
        if name not in known:
            raise Reject(CONFIG_INVALID, f"There is no config {name!r}; choose one of {known}.")


def parse_limit(text: str, configs: Sequence[Config]) -> Limit:
    """`METRIC=VALUE` or `CONFIG:METRIC=VALUE`. Raises Reject(CONFIG_INVALID)."""
    left, _, value = text.partition("=")
    config, _, metric = left.rpartition(":")
    metric = _ALIASES.get(metric, metric)
    if config:
        check_names([config], configs)
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if metric not in NAMES or number != number:
        raise Reject(
            CONFIG_INVALID,
            f"--fail-under {text}: write METRIC=VALUE, where METRIC is one of {', '.join(NAMES)}.",
        )
    return Limit(config or None, metric, number)
