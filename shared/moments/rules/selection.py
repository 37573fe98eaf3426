"""Select the best disjoint spans."""

from __future__ import annotations

import numpy as np

from shared.moments.rules.gaps import Floats, Integers


def select_spans(
    first: Integers,
    last: Integers,
    value: Floats,
    *,
    unit_count: int,
    min_count: int,
    max_count: int,
) -> list[int]:
    """The indices of the candidates with the greatest total value that share no unit.

    Candidate c covers units `first[c]`..`last[c]`, both included, of `unit_count`. Returns between
    `min_count` and `max_count` indices in time order; if `min_count` is out of reach, as many as
    possible. Exact: weighted interval scheduling (Kleinberg and Tardos, "Algorithm Design", 6.1)
    with the number of intervals as a second dimension, O(`max_count` x candidates).
    """
    if not len(first) or max_count < 1:
        return []
    order = np.lexsort((first, last))
    begins, ends, values = first[order], last[order], value[order]
    groups = np.flatnonzero(np.append(True, ends[1:] != ends[:-1]))
    layers = [np.zeros(unit_count + 1)]
    for _ in range(min(max_count, unit_count)):
        reached = np.full(unit_count + 1, -np.inf)
        totals = layers[-1][begins] + values
        reached[ends[groups] + 1] = np.maximum.reduceat(totals, groups)
        layer = np.maximum.accumulate(reached)
        if layer[-1] == -np.inf:
            break
        layers.append(layer)
    finals = [float(layer[-1]) for layer in layers]
    least = min(min_count, len(finals) - 1)
    count = max(range(least, len(finals)), key=lambda k: finals[k])
    return [int(order[c]) for c in _backtrack(layers[: count + 1], begins, ends, values)]


def _backtrack(layers: list[Floats], begins: Integers, ends: Integers, values: Floats) -> list[int]:
    chosen: list[int] = []
    end = len(layers[0]) - 1
    for k in range(len(layers) - 1, 0, -1):
        # Find the leftmost end with the same total, then the candidate that produces it.
        end = int(np.searchsorted(layers[k][: end + 1], layers[k][end], side="left"))
        low, high = np.searchsorted(ends, [end - 1, end])
        totals = layers[k - 1][begins[low:high]] + values[low:high]
        candidate = int(low) + int(np.argmax(totals))
        chosen.append(candidate)
        end = int(begins[candidate])
    return chosen[::-1]
