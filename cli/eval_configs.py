"""Generator configs of `videomoments eval`: NAME=METHOD[,KEY=VALUE…]."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cli.labelled_set import LengthBounds
from shared.domain.evaluation.baselines import (
    equal_boundaries,
    moments_within,
    random_boundaries,
    tiled_boundaries,
)
from shared.domain.evaluation.measures import Proposal, Reference
from shared.domain.extractive import moments_and_topics
from shared.domain.moments import Bounds
from shared.domain.transcript import Transcript
from shared.errors import Reject
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Recording:
    """What a generator is given; `reference` only tells the blind baselines how many to cut."""

    name: str
    transcript: Transcript
    duration_seconds: float
    reference: Reference


Method = Callable[[Recording, Bounds], Proposal]


def _extractive(recording: Recording, bounds: Bounds) -> Proposal:
    moments, boundaries = moments_and_topics(
        recording.transcript, duration_seconds=recording.duration_seconds, bounds=bounds
    )
    return Proposal(tuple(m.span for m in moments), tuple(boundaries))


def _equal(recording: Recording, bounds: Bounds) -> Proposal:
    number = _told(recording.reference)
    return _cut(recording, equal_boundaries(recording.duration_seconds, number), bounds)


def _random(recording: Recording, bounds: Bounds) -> Proposal:
    number, seed = _told(recording.reference), zlib.crc32(recording.name.encode())
    return _cut(recording, random_boundaries(recording.duration_seconds, number, seed), bounds)


def _text_tiling(recording: Recording, bounds: Bounds) -> Proposal:
    return _cut(recording, tiled_boundaries(recording.transcript.words), bounds)


def _told(reference: Reference) -> int:
    """The true number of segments, which no other method is told."""
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
"""A new generator is one more entry."""
BASELINES = ("equal-cuts", "random", "texttiling")


@dataclass(frozen=True, slots=True)
class Config:
    """A named method with the bounds it was given."""

    name: str
    method: str
    bounds: LengthBounds

    def propose(self, recording: Recording, *given: LengthBounds, settings: Settings) -> Proposal:
        """What the method finds, and how long it took. `given`: the item's and the set's bounds."""
        bounds = _bounds([self.bounds, *given], settings)
        began = time.perf_counter()
        found = METHODS[self.method](recording, bounds)
        seconds = time.perf_counter() - began
        return Proposal(found.moments, found.topic_boundaries, found.tokens, found.cost, seconds)


def parse_config(text: str) -> Config:
    """`tight=extractive,max_length=60`: a name, a method, bounds. A bare method names itself.

    Raises Reject("config_invalid").
    """
    first, *options = text.split(",")
    name, _, method = first.partition("=")
    method = method or name
    if method not in METHODS:
        raise Reject(
            "config_invalid",
            f"--config {text}: no method {method!r}; there are {', '.join(METHODS)}.",
        )
    try:
        bounds = LengthBounds.model_validate(dict(map(_option, options)))
    except ValueError as error:
        raise Reject(
            "config_invalid",
            f"--config {text}: {error}. Options are min_length, max_length (seconds), "
            "min_moments and max_moments.",
        ) from None
    return Config(name, method, bounds)


_OPTIONS = {
    "min_length": "min_length_seconds",
    "max_length": "max_length_seconds",
    "min_moments": "min_moments",
    "max_moments": "max_moments",
}


def _option(text: str) -> tuple[str, str]:
    key, _, value = text.partition("=")
    if key not in _OPTIONS:
        raise ValueError(f"unknown option {key!r}")
    return _OPTIONS[key], value


def _bounds(layers: Sequence[LengthBounds], settings: Settings) -> Bounds:
    """The first layer that says something counts. Raises Reject("config_invalid")."""

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
        raise Reject("config_invalid", f"The bounds clash: {error}.") from None
