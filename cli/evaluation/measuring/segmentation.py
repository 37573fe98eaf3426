"""Compare topic boundaries with reference boundaries: Pk and WindowDiff."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.domain.transcript import Word
from shared.moments.rules.gaps import Integers


def positions(boundaries: Sequence[float], words: Sequence[Word]) -> Integers:
    """The index of the word after each boundary (seconds): distinct, ascending, never 0 or the end.

    A boundary anywhere in the silence between two words, or inside a word's first half, has the
    same position, so silences do not count.
    """
    middles = np.maximum.accumulate([(w.start_seconds + w.end_seconds) / 2 for w in words])
    found = np.unique(np.searchsorted(middles, np.asarray(boundaries, dtype=np.float64)))
    kept: Integers = found[(found > 0) & (found < len(words))]
    return kept


def window_size(reference: Integers, length: int) -> int:
    """Half the mean reference segment, as in both papers; at least 2, less than `length`."""
    half = round(length / (len(reference) + 1) / 2)
    return max(1, min(max(2, half), length - 1))


def pk(reference: Integers, found: Integers, length: int) -> float | None:
    """Pk: how often two words a window apart are wrongly placed in one segment or in two.

    0 is perfect, near 0.5 is chance. Beeferman, Berger and Lafferty, "Statistical Models for
    Text Segmentation", Machine Learning 34, 1999. None for fewer than 3 words.
    """
    counts = _crossings(reference, found, length)
    if counts is None:
        return None
    return float(np.mean((counts[0] > 0) != (counts[1] > 0)))


def window_diff(reference: Integers, found: Integers, length: int) -> float | None:
    """WindowDiff: how often a window's boundary count differs from the reference; 0 is perfect.

    Pevzner and Hearst, "A Critique and Improvement of an Evaluation Metric for Text
    Segmentation", Computational Linguistics 28, 2002. None for fewer than 3 words.
    """
    counts = _crossings(reference, found, length)
    return None if counts is None else float(np.mean(counts[0] != counts[1]))


def _crossings(
    reference: Integers, found: Integers, length: int
) -> tuple[Integers, Integers] | None:
    """Boundaries of each kind between words i and i + k, shape (length - k,) each."""
    if length < 3:
        return None
    size = window_size(reference, length)
    return _within(reference, length, size), _within(found, length, size)


def _within(boundaries: Integers, length: int, size: int) -> Integers:
    marks = np.zeros(length + 1, dtype=np.int64)
    marks[boundaries] = 1
    total = np.cumsum(marks)
    crossed: Integers = total[size:length] - total[: length - size]
    return crossed
