"""One moment proposed twice, in two windows or in two wordings, is one moment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.domain.spans import TimeSpan
from shared.moments.rules.proposals import normalised

TIME_OVERLAP = 0.5
SHARED_SENTENCES = 0.5
SAME_TEXT = 0.8
_SHINGLE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """A moment that may be chosen. `key` is the caller's, `quality` grows with worth."""

    key: int
    span: TimeSpan
    first_sentence: int
    last_sentence: int
    text: str
    quality: float


@dataclass(frozen=True, slots=True)
class Merged:
    """`key` was given up for `into`, because of one of three tests: time, sentences, text."""

    key: int
    into: int
    test: str


def merge(candidates: Iterable[Candidate]) -> tuple[list[Candidate], list[Merged]]:
    """Those of which no better one is the same, best first; and what became of the others.

    The order in which they are given does not count.
    """
    kept: list[tuple[Candidate, frozenset[tuple[str, ...]]]] = []
    merged: list[Merged] = []
    for candidate in sorted(candidates, key=lambda c: (-c.quality, c.span, c.key)):
        shingles = _shingles(candidate.text)
        for other, of_other in kept:
            test = _same(candidate, other, shingles, of_other)
            if test is not None:
                merged.append(Merged(candidate.key, other.key, test))
                break
        else:
            kept.append((candidate, shingles))
    return [candidate for candidate, _ in kept], merged


def _same(
    a: Candidate,
    b: Candidate,
    of_a: frozenset[tuple[str, ...]],
    of_b: frozenset[tuple[str, ...]],
) -> str | None:
    """The first test by which both are one, each measured against the shorter of the two."""
    shorter = min(a.span.length_seconds, b.span.length_seconds)
    if a.span.overlap_seconds(b.span) >= TIME_OVERLAP * shorter:
        return "time"
    shared = min(a.last_sentence, b.last_sentence) - max(a.first_sentence, b.first_sentence) + 1
    fewer = min(a.last_sentence - a.first_sentence, b.last_sentence - b.first_sentence) + 1
    if shared >= SHARED_SENTENCES * fewer and shared > 0:
        return "sentences"
    if of_a and of_b and len(of_a & of_b) >= SAME_TEXT * min(len(of_a), len(of_b)):
        return "text"
    return None


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Every run of three words: what makes a text itself (Broder, 1997)."""
    words: Sequence[str] = normalised(text).split()
    size = min(_SHINGLE_WORDS, len(words))
    return (
        frozenset(tuple(words[i : i + size]) for i in range(len(words) - size + 1))
        if size
        else frozenset()
    )
