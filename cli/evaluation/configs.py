"""Generator configs of `videomoments eval`: NAME=METHOD[,KEY=VALUE…]."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.evaluation.labelled_set import LengthBounds
from cli.evaluation.measuring.baselines import (
    equal_boundaries,
    moments_within,
    random_boundaries,
    tiled_boundaries,
)
from cli.evaluation.measuring.measures import Proposal, Reference
from cli.evaluation.model_config import KEYS, Asks, parse_asks
from cli.evaluation.proposals import Attempt, Recording
from shared.error_codes.commands import CONFIG_INVALID
from shared.errors import Reject
from shared.moments.generation_config import is_extractive
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.method import moments_and_topics
from shared.settings.settings import Settings

Method = Callable[[Recording, Bounds], Proposal]


def _extractive(recording: Recording, bounds: Bounds) -> Proposal:
    moments, boundaries = moments_and_topics(
        recording.transcript, duration_seconds=recording.duration_seconds, bounds=bounds
    )
    return Proposal(tuple(m.span for m in moments), tuple(boundaries))


def _equal(recording: Recording, bounds: Bounds) -> Proposal:
    number = _true_count(recording.reference)
    return _cut(recording, equal_boundaries(recording.duration_seconds, number), bounds)


def _random(recording: Recording, bounds: Bounds) -> Proposal:
    number, seed = _true_count(recording.reference), zlib.crc32(recording.name.encode())
    return _cut(recording, random_boundaries(recording.duration_seconds, number, seed), bounds)


def _text_tiling(recording: Recording, bounds: Bounds) -> Proposal:
    return _cut(recording, tiled_boundaries(recording.transcript.words), bounds)


def _true_count(reference: Reference) -> int:
    """The true number of segments. No other method knows it."""
    if reference.topic_boundaries is not None:
        return len(reference.topic_boundaries) + 1
    return max(1, len(reference.moments or ()))


def _cut(recording: Recording, boundaries: Sequence[float], bounds: Bounds) -> Proposal:
    spans = moments_within(boundaries, recording.duration_seconds, bounds)
    return Proposal(tuple(spans), tuple(boundaries))


METHODS: dict[str, Method] = {
    "extractive": _extractive,
    "equal-cuts": _equal,
    "random": _random,
    "texttiling": _text_tiling,
}
"""Add a generator by adding an entry."""
BASELINES = ("equal-cuts", "random", "texttiling")


MODEL = "model"
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Config:
    """A named method with its bounds. `asks`: how it asks a model, if it does."""

    name: str
    method: str
    bounds: LengthBounds
    asks: Asks | None = None

    def bounds_for(self, *given: LengthBounds, settings: Settings) -> Bounds:
        """Bounds of the config, else of the item or set (`given`), else of the settings."""
        return _bounds([self.bounds, *given], settings)


def parse_config(text: str) -> Config:
    """Parse `tight=extractive,max_length=60`: name, method, bounds. A bare method names itself.

    `mine=model,model=NAME,prompt_set=talk`: a language model. Raises Reject(CONFIG_INVALID).
    """
    # A comma inside a value belongs to it: `prompt=Find jokes, and laughter`.
    first, *options = re.split(r",(?=\s*\w+=)", text)
    name, _, method = first.partition("=")
    method = method or name
    if len(name) > LONGEST_NAME:
        raise Reject(
            CONFIG_INVALID, f"--config {text}: a name has at most {LONGEST_NAME} characters."
        )
    if method == MODEL and is_extractive(name):
        # Runs name the model by the config's name.
        raise Reject(
            CONFIG_INVALID, f"--config {text}: {name} is a method; give the model another name."
        )
    if method not in METHODS and method != MODEL:
        raise Reject(
            CONFIG_INVALID,
            f"--config {text}: there is no method {method!r}; choose one of "
            f"{', '.join(METHODS)}, {MODEL}.",
        )
    given = dict(_option(text, method, option) for option in options)
    try:
        bounds = LengthBounds.model_validate(
            {BOUNDS[key]: value for key, value in given.items() if key in BOUNDS}
        )
    except ValueError as error:
        raise Reject(CONFIG_INVALID, f"--config {text}: {error}") from None
    if method != MODEL:
        return Config(name, method, bounds)
    said = {key: value for key, value in given.items() if key not in BOUNDS}
    return Config(name, method, bounds, parse_asks(text, said))


BOUNDS = {
    "min_length": "min_length_seconds",
    "max_length": "max_length_seconds",
    "min_moments": "min_moments",
    "max_moments": "max_moments",
}


def _option(text: str, method: str, option: str) -> tuple[str, str]:
    key, _, value = option.strip().partition("=")
    known = (*BOUNDS, *KEYS) if method == MODEL else tuple(BOUNDS)
    if key not in known:
        raise Reject(
            CONFIG_INVALID,
            f"--config {text}: unknown option {key!r}. The options are {', '.join(known)}.",
        )
    return key, value


def _bounds(layers: Sequence[LengthBounds], settings: Settings) -> Bounds:
    """The first layer with a value wins. Raises Reject(CONFIG_INVALID)."""

    def first(name: str, default: float) -> float:
        said = (getattr(layer, name) for layer in layers)
        return next((value for value in said if value is not None), default)

    try:
        return Bounds(
            first("min_length_seconds", settings.min_moment_length_seconds),
            first("max_length_seconds", settings.max_moment_length_seconds),
            int(first("min_moments", settings.min_moments)),
            int(first("max_moments", settings.max_moments)),
        )
    except ValueError as error:
        raise Reject(CONFIG_INVALID, f"The bounds contradict each other: {error}.") from None


Propose = Callable[[Config, Recording, Bounds], Attempt]
