"""Comparing moments with one another: a model is better at that than at marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.engines.llm.forms import Unreadable, read, schema_of
from shared.engines.llm.protocol import Question, Turn
from shared.error_codes.models import INVALID_ANSWER, MODEL_REFUSED
from shared.errors import Reject
from shared.model_calls.asker import Asker, ModelRefusal, is_over_budget
from shared.moments.prompts.answers import Ranking, Scoring
from shared.moments.prompts.questions import Item, comparison_message
from shared.moments.rules.ranking import mended_order, weighted

AT_ONCE = 40
"""Moments compared in one question."""


@dataclass(frozen=True, slots=True)
class ScoredOrder:
    """Qualities of 0..10 by key, and the keys in order, the best first."""

    qualities: Mapping[int, float]
    order: Sequence[int]


def ranked(asker: Asker, system: str, wish: str, items: Sequence[Item]) -> list[int]:
    """The items' keys, the best first. What cannot be ranked keeps its place.

    `items` come best first by their own marks. A model that gives no order twice, or refuses to
    compare what it proposed itself, leaves them as they are, and so does a budget that is spent: a
    worse order is no lost run.
    """
    keys = [item.key for item in items[:AT_ONCE]]
    if len(keys) < 2:
        return [item.key for item in items]

    def order(text: str) -> list[int]:
        return _order(read(text, Ranking).order, keys)

    question = Question(
        "rank",
        system,
        (Turn("user", comparison_message(wish, items[:AT_ONCE])),),
        "ranking",
        schema_of(Ranking),
    )
    try:
        found, asked, _ = asker.converse(question, order)
    except (ModelRefusal, Unreadable):
        return [item.key for item in items]
    except Reject as reject:
        if is_over_budget(reject):
            return [item.key for item in items]
        raise
    asker.note(asked, {"order": found})
    return found + [item.key for item in items[AT_ONCE:]]


def scored(
    asker: Asker, system: str, wish: str, items: Sequence[Item], weights: Mapping[str, float]
) -> ScoredOrder:
    """Sub-scores and an order for all items, `AT_ONCE` to a question. Raises `Reject`."""
    qualities: dict[int, float] = {}
    order: list[int] = []
    for begin in range(0, len(items), AT_ONCE):
        found = _scored_part(asker, system, wish, items[begin : begin + AT_ONCE], weights)
        qualities |= found.qualities
        order += found.order
    if len(items) > AT_ONCE:
        # Parts were never compared with one another: there only the marks say who comes first.
        order.sort(key=lambda key: -qualities[key])
    return ScoredOrder(qualities, order)


def _scored_part(
    asker: Asker, system: str, wish: str, items: Sequence[Item], weights: Mapping[str, float]
) -> ScoredOrder:
    keys = [item.key for item in items]

    def judged(text: str) -> ScoredOrder:
        answer = read(text, Scoring)
        qualities = {one.id: weighted(one.scores.model_dump(), weights) for one in answer.moments}
        missing = [key for key in keys if key not in qualities]
        if missing:
            raise Unreadable(f"It has no scores for {', '.join(map(str, missing[:20]))}.")
        return ScoredOrder({key: qualities[key] for key in keys}, _order(answer.order, keys))

    question = Question(
        "score",
        system,
        (Turn("user", comparison_message(wish, items)),),
        "scoring",
        schema_of(Scoring),
    )
    try:
        found, asked, _ = asker.converse(question, judged)
    except ModelRefusal as refusal:
        raise Reject(MODEL_REFUSED, f"The model refused to score: {refusal}") from None
    except Unreadable as error:
        raise Reject(
            INVALID_ANSWER,
            f"The model {asker.endpoint.name} gave unreadable scores twice: {error}",
        ) from None
    asker.note(asked, {"order": list(found.order), "qualities": list(found.qualities.values())})
    return found


def _order(given: Sequence[int], keys: Sequence[int]) -> list[int]:
    order = mended_order(given, keys)
    if order is None:
        raise Unreadable("Its order leaves out more than half of the numbers.")
    return order
