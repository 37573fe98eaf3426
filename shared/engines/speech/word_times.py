"""Repair the times of words: in order, disjoint, inside their span, none of zero length."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from shared.domain.transcript import Segment, Word

MIN_WORD_SECONDS = 0.05
_ROUNDABLE_SECONDS = 0.002


def repair_times(
    times: Sequence[tuple[float, float]],
    start_seconds: float,
    end_seconds: float,
    min_seconds: float = MIN_WORD_SECONDS,
) -> list[tuple[float, float]]:
    """The same number of (start, end) in the same order, disjoint and inside the span.

    Each lasts at least `min_seconds`, or an equal share of the span if it is too short for all.
    Valid times stay unchanged, to the millisecond. A time that is not a finite number counts as the
    one before it. Raises ValueError for an empty span.
    """
    if not start_seconds < end_seconds:
        raise ValueError(f"an empty span: {start_seconds}..{end_seconds} s")
    count = len(times)
    if count == 0:
        return []
    least = min(min_seconds, (end_seconds - start_seconds) / count)
    starts: list[float] = []
    earliest = start_seconds
    for start, _ in times:
        starts.append(max(start, earliest) if math.isfinite(start) else earliest)
        earliest = starts[-1] + least
    starts = [min(s, end_seconds - (count - i) * least) for i, s in enumerate(starts)]
    starts = [max(s, start_seconds) for s in starts]
    repaired = []
    for (_, end), start, limit in zip(times, starts, [*starts[1:], end_seconds], strict=True):
        wanted = end if math.isfinite(end) else start
        repaired.append((start, min(max(wanted, start + least), limit)))
    if least < _ROUNDABLE_SECONDS:
        return repaired
    return [(max(round(s, 3), start_seconds), min(round(e, 3), end_seconds)) for s, e in repaired]


def repair_words(
    words: Sequence[Word], start_seconds: float, end_seconds: float
) -> tuple[Word, ...]:
    """The same words in the same order, with times from `repair_times`."""
    times = repair_times(
        [(w.start_seconds, w.end_seconds) for w in words], start_seconds, end_seconds
    )
    return tuple(
        replace(word, start_seconds=start, end_seconds=end)
        for word, (start, end) in zip(words, times, strict=True)
    )


def spread_words(text: str, start_seconds: float, end_seconds: float) -> tuple[Word, ...]:
    """Spread the words of `text` over the span, each as long as its share of the characters.

    Each word counts one character more than it has, for the gap to the next word.
    """
    parts = text.split()
    total = sum(len(part) + 1 for part in parts)
    seconds = end_seconds - start_seconds
    words, done = [], 0
    for part in parts:
        begin = start_seconds + seconds * done / total
        done += len(part) + 1
        words.append(Word(part, begin, start_seconds + seconds * done / total))
    return repair_words(words, start_seconds, end_seconds) if words else ()


def split_at_pauses(
    words: Sequence[Word], *, pause_seconds: float, max_seconds: float
) -> tuple[tuple[Word, ...], ...]:
    """Split words in time order into runs at pauses longer than `pause_seconds`.

    A run longer than `max_seconds` is cut at its longest inner gap.
    """
    if not words:
        return ()
    runs: list[list[Word]] = [[words[0]]]
    for before, word in pairwise(words):
        if word.start_seconds - before.end_seconds > pause_seconds:
            runs.append([])
        runs[-1].append(word)
    return tuple(short for run in runs for short in _cut_long(tuple(run), max_seconds))


def _cut_long(run: tuple[Word, ...], max_seconds: float) -> list[tuple[Word, ...]]:
    """Cut at the longest gap in the middle half until every run is short enough.

    Of equally long gaps, the one nearest the middle wins.
    """
    pending, short = [run], []
    while pending:
        words = pending.pop()
        if len(words) < 2 or words[-1].end_seconds - words[0].start_seconds <= max_seconds:
            short.append(words)
            continue
        middle = len(words) / 2
        edge = max(1, len(words) // 4)
        cut = max(
            range(edge, len(words) - edge + 1),
            key=lambda i: (
                round(words[i].start_seconds - words[i - 1].end_seconds, 3),
                -abs(i - middle),
            ),
        )
        pending += [words[cut:], words[:cut]]
    return short


def segment_of(
    words: Sequence[Word], *, text: str | None = None, suspect: str | None = None
) -> Segment:
    """One segment around at least one word; its text is that of the words unless given."""
    return Segment(
        text if text is not None else " ".join(w.text for w in words),
        words[0].start_seconds,
        words[-1].end_seconds,
        suspect,
    )
