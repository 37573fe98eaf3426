"""Cues for a change of topic between two sentences: pauses and shared words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from shared.moments.rules.gaps import Floats, Integers

Rows = Sequence[tuple[Integers, Floats]]
"""For each sentence its feature numbers, each once, and their weights."""

_PAUSE, _LONGEST_PAUSE_SECONDS = 0.45, 2.0
_UNUSUAL, _MOST_UNUSUAL = 0.7, 3.0
_SHARED = ((12.0, 0.5), (50.0, 0.5))
"""Seconds of speech on each side, and the penalty for a boundary if both share all words."""
_LEAST_PAUSE_SECONDS, _LEAST_SPREAD = 0.05, 0.2
_NORMAL_SPREAD = 1.4826


def boundary_cues(rows: Rows, feature_count: int, seconds: Floats, pauses: Floats) -> Floats:
    """How much each sentence resembles the first of a topic, in prices of a boundary.

    `pauses[i]` is the silence before sentence i in seconds. It counts both as such and relative to
    the video's usual pauses: readers pause longer between passages, but some pause a second after
    every sentence. Words that occur on both sides, near and further away, count against a boundary:
    the depth of a valley of cohesion, as in TextTiling (Hearst 1997), without its fixed blocks.
    """
    found = _PAUSE * np.clip(pauses / _LONGEST_PAUSE_SECONDS, 0.0, 1.0)
    found += _UNUSUAL * np.clip(_unusualness(pauses) / _MOST_UNUSUAL, 0.0, 1.0)
    for window_seconds, cost in _SHARED:
        found -= cost * shared_words(rows, feature_count, seconds, window_seconds)
    found[:1] = 0.0
    return found


def _unusualness(pauses: Floats) -> Floats:
    """How far each pause lies above the median, in robust standard deviations of its logarithm."""
    logs: Floats = np.log(np.maximum(pauses, _LEAST_PAUSE_SECONDS))
    if len(logs) < 2:
        return np.zeros(len(logs))
    apart = logs - np.median(logs[1:])
    spread = _NORMAL_SPREAD * float(np.median(np.abs(apart[1:])))
    return apart / max(_LEAST_SPREAD, spread)


def shared_words(rows: Rows, feature_count: int, seconds: Floats, window_seconds: float) -> Floats:
    """The share of words that occur on both sides of each sentence's beginning.

    0..1, shape (sentences,), 0 for the first. Each side has at least one sentence and those within
    `window_seconds` of speech. The share is relative to the side with fewer words.
    """
    number = len(rows)
    spoken = np.concatenate(([0.0], np.cumsum(seconds)))
    places = np.arange(number)
    lows = np.minimum(np.searchsorted(spoken, spoken[:-1] - window_seconds), places - 1)
    highs = np.searchsorted(spoken, spoken[:-1] + window_seconds, side="right") - 1
    highs = np.minimum(np.maximum(highs, places + 1), number)
    left, right = np.zeros(feature_count), np.zeros(feature_count)
    shares = np.zeros(number)
    low, high = 0, 0
    for i in range(1, number):
        for j in range(high, int(highs[i])):
            right[rows[j][0]] += rows[j][1]
        high = max(high, int(highs[i]))
        names, values = rows[i - 1]
        left[names] += values
        right[names] -= values
        for j in range(low, int(lows[i])):
            left[rows[j][0]] -= rows[j][1]
        low = max(low, int(lows[i]))
        least = min(float(left.sum()), float(right.sum()))
        if least > 0:
            shares[i] = max(0.0, float(np.minimum(left, right).sum())) / least
    return np.clip(shares, 0.0, 1.0)
