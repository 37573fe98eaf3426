"""Merge candidates that propose the same moment, e.g. from two windows or in two wordings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.domain.spans import TimeSpan
from shared.moments.rules.proposals import normalise

TIME_OVERLAP = 0.5
SHARED_SENTENCES = 0.5
SAME_TEXT = 0.8
_SHINGLE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A candidate with its score of 0..10. `key` is the caller's, e.g. the id of its row."""

    key: int
    span: TimeSpan
    first_sentence: int
    last_sentence: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Candidate `key` was merged into `into` by one of three tests: time, sentences, text."""

    key: int
    into: int
    test: str


def deduplicate(candidates: Iterable[Candidate]) -> tuple[list[Candidate], list[Duplicate]]:
    """The candidates that remain after deduplication, best first, and the ones merged into them.

    The result does not depend on the order of the input.
    """
    kept: list[tuple[Candidate, frozenset[tuple[str, ...]]]] = []
    merged: list[Duplicate] = []
    for candidate in sorted(candidates, key=lambda c: (-c.score, c.span, c.key)):
        shingles = _shingles(candidate.text)
        for other, other_shingles in kept:
            test = _passed_test(candidate, other, shingles, other_shingles)
            if test is not None:
                merged.append(Duplicate(candidate.key, other.key, test))
                break
        else:
            kept.append((candidate, shingles))
    return [candidate for candidate, _ in kept], merged


def _passed_test(
    a: Candidate,
    b: Candidate,
    shingles_a: frozenset[tuple[str, ...]],
    shingles_b: frozenset[tuple[str, ...]],
) -> str | None:
    """The first test that finds both equal, measured against the shorter one; else None."""
    shorter = min(a.span.length_seconds, b.span.length_seconds)
    if a.span.overlap_seconds(b.span) >= TIME_OVERLAP * shorter:
        return "time"
    shared = min(a.last_sentence, b.last_sentence) - max(a.first_sentence, b.first_sentence) + 1
    fewer = min(a.last_sentence - a.first_sentence, b.last_sentence - b.first_sentence) + 1
    if shared >= SHARED_SENTENCES * fewer and shared > 0:
        return "sentences"
    fewest = min(len(shingles_a), len(shingles_b))
    if fewest and len(shingles_a & shingles_b) >= SAME_TEXT * fewest:
        return "text"
    return None


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Every run of three words, as a fingerprint of the text (Broder, 1997)."""
    words: Sequence[str] = normalise(text).split()
    size = min(_SHINGLE_WORDS, len(words))
    return (
        frozenset(tuple(words[i : i + size]) for i in range(len(words) - size + 1))
        if size
        else frozenset()
    )
