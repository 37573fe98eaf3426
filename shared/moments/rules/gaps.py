"""The gaps between words, which are the only places to cut a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.domain.transcript import Word

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

ROUNDING_SECONDS = 1e-9
"""Lengths are differences of floats, so they may miss a bound by this much."""

LEAD_SECONDS = 0.1
TAIL_SECONDS = 0.25
"""The room to leave before the first and after the last word, if the gap is wide enough."""


@dataclass(frozen=True, slots=True)
class WordGaps:
    """Gap g of n + 1 lies before word g, from `left[g]` (the latest end so far) to `right[g]`.

    Overlapping words leave no gap: there `left` > `right`, and no cut is allowed. Both arrays are
    in seconds and never decrease; the first gap begins at 0, the last ends at the duration.
    """

    left: Floats
    right: Floats

    @property
    def is_open(self) -> Booleans:
        """True for each gap that allows a cut, shape (n + 1,)."""
        return self.left <= self.right


@dataclass(frozen=True, slots=True)
class Placement:
    """Start and end of spans in seconds; `fits` is False for spans that cannot meet the bounds."""

    start_seconds: Floats
    end_seconds: Floats
    fits: Booleans


def word_gaps(words: Sequence[Word], duration_seconds: float) -> WordGaps:
    """The gaps around `words`; times are clamped to 0..`duration_seconds`."""
    starts = np.clip([w.start_seconds for w in words], 0.0, duration_seconds).astype(np.float64)
    ends = np.clip([w.end_seconds for w in words], 0.0, duration_seconds).astype(np.float64)
    ends = np.maximum(starts, ends)
    left = np.concatenate(([0.0], np.maximum.accumulate(ends)))
    right = np.concatenate((np.minimum.accumulate(starts[::-1])[::-1], [duration_seconds]))
    return WordGaps(left, right)


def place(
    gaps: WordGaps,
    first: Integers,
    last: Integers,
    *,
    shortest_seconds: float,
    longest_seconds: float,
    share: float = 0.5,
) -> Placement:
    """Place the spans from gap `first` to gap `last` (arrays that broadcast).

    A span includes a little silence around its words, less if it would be too long and more if it
    would be too short. It takes at most `share` of an inner gap, so that with 0.5 two spans that
    meet in one gap do not overlap.
    """
    final = len(gaps.left) - 1
    reach_left = np.where(first == 0, 1.0, share) * (gaps.right[first] - gaps.left[first])
    reach_right = np.where(last == final, 1.0, share) * (gaps.right[last] - gaps.left[last])
    earliest = np.maximum(gaps.right[first] - reach_left, gaps.left[first])
    latest = np.minimum(gaps.left[last] + reach_right, gaps.right[last])
    head, tail = gaps.right[first], gaps.left[last]
    start = np.maximum(earliest, head - LEAD_SECONDS)
    end = np.minimum(latest, tail + TAIL_SECONDS)

    room = (head - start) + (end - tail)
    excess = np.clip(end - start - longest_seconds, 0.0, room)
    part = np.divide(excess, room, out=np.zeros_like(room), where=room > 0)
    start, end = start + part * (head - start), end - part * (end - tail)

    need = np.maximum(0.0, shortest_seconds - (end - start))
    room_left, room_right = start - earliest, latest - end
    move_left = np.minimum(room_left, np.maximum(need / 2, need - room_right))
    start = start - move_left
    end = np.where(need > 0, np.maximum(end, np.minimum(latest, start + shortest_seconds)), end)
    # A rounding error must not break a hard bound.
    end = np.where(end - start > longest_seconds, np.maximum(tail, np.nextafter(end, 0.0)), end)
    grown = np.minimum(latest, np.nextafter(end, np.inf))
    end = np.where(end - start < shortest_seconds, grown, end)
    length = end - start
    fits = (first < last) & gaps.is_open[first] & gaps.is_open[last] & (length > 0)
    fits &= length >= shortest_seconds - ROUNDING_SECONDS
    fits &= length <= longest_seconds + ROUNDING_SECONDS
    return Placement(start, end, fits)
