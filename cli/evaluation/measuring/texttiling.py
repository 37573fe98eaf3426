"""TextTiling as published: Hearst, "TextTiling: Segmenting Text into Multi-paragraph Subtopic
Passages", Computational Linguistics 23, 1997 (block comparison)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from shared.domain.orthography import SENTENCE_MARKS
from shared.moments.rules.extractive.features import tokens
from shared.moments.rules.gaps import Floats

SEQUENCE_TOKENS = 20
BLOCK_SEQUENCES = 10
SMOOTHING_WIDTH = 2
LEAST_SEQUENCES = 3
_STOP_SHARE = 0.2


def text_tiling(words: Sequence[str]) -> list[int]:
    """Word numbers that begin a new topic, ascending.

    Token sequences of 20, blocks of 10 sequences compared by cosine at each gap, one round of
    average smoothing of width 2, depth scores on both sides, boundaries above mean minus half a
    standard deviation, none nearer than 3 sequences to another, each moved to the nearest end of
    a sentence (speech has no paragraphs). In place of the paper's English stop list and
    morphology: a token in more than a fifth of the sequences is a stop word.
    """
    starts = list(range(0, len(words), SEQUENCE_TOKENS))
    if len(starts) < 2 * LEAST_SEQUENCES:
        return []
    sequences = [
        Counter(t for w in words[a : a + SEQUENCE_TOKENS] for t in tokens(w)) for a in starts
    ]
    scores = _smoothed(_gap_scores(_without_stop_words(sequences)))
    gaps = _chosen(_depths(scores))
    breaks = [i + 1 for i, w in enumerate(words[:-1]) if w.rstrip("\"'”’»)")[-1:] in SENTENCE_MARKS]
    return sorted({_nearest(breaks, (gap + 1) * SEQUENCE_TOKENS) for gap in gaps})


def _without_stop_words(sequences: Sequence[Counter[str]]) -> list[Counter[str]]:
    found_in = Counter(token for sequence in sequences for token in sequence)
    limit = max(2.0, _STOP_SHARE * len(sequences))
    return [
        Counter({t: n for t, n in sequence.items() if found_in[t] <= limit})
        for sequence in sequences
    ]


def _gap_scores(sequences: Sequence[Counter[str]]) -> Floats:
    """Cosine of the blocks on both sides of each gap, shape (sequences - 1,)."""
    scores: list[float] = []
    for gap in range(1, len(sequences)):
        size = min(BLOCK_SEQUENCES, gap, len(sequences) - gap)
        left = sum(sequences[gap - size : gap], Counter())
        right = sum(sequences[gap : gap + size], Counter())
        norm = _square(left) * _square(right)
        shared = sum(n * right[t] for t, n in left.items())
        scores.append(shared / norm**0.5 if norm else 0.0)
    return np.array(scores)


def _square(block: Counter[str]) -> int:
    return sum(n * n for n in block.values())


def _smoothed(scores: Floats) -> Floats:
    half = SMOOTHING_WIDTH // 2
    return np.array([scores[max(0, i - half) : i + half + 1].mean() for i in range(len(scores))])


def _depths(scores: Floats) -> Floats:
    """Each gap's depth below the peaks on its left and right, summed."""
    return np.array(
        [_climb(scores[: i + 1][::-1]) + _climb(scores[i:]) for i in range(len(scores))]
    )


def _climb(path: Floats) -> float:
    """The rise from the path's first value to its first peak."""
    peak = float(path[0])
    for value in path[1:].tolist():
        if value < peak:
            break
        peak = value
    return peak - float(path[0])


def _chosen(depths: Floats) -> list[int]:
    """Choose gaps above the cutoff, deepest first, none too near to another."""
    cutoff = float(depths.mean() - depths.std() / 2)
    chosen: list[int] = []
    for gap in np.argsort(-depths, kind="stable").tolist():
        near = any(abs(gap - other) < LEAST_SEQUENCES + 1 for other in chosen)
        if depths[gap] > max(cutoff, 0.0) and not near:
            chosen.append(gap)
    return sorted(chosen)


def _nearest(breaks: Sequence[int], word: int) -> int:
    """The sentence end nearest to `word`; `word` itself if the text has no punctuation."""
    return min(breaks, key=lambda b: abs(b - word), default=word)
