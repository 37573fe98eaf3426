"""Ask a model to compare moments, because models compare better than they score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.engines.llm.forms import Unreadable, read, schema_of
from shared.engines.llm.protocol import Question, Turn
from shared.error_codes.models import INVALID_ANSWER, MODEL_REFUSED
from shared.errors import Reject
from shared.model_calls.asker import Asker, ModelRefusal
from shared.model_calls.budget import is_over_budget
from shared.moments.prompts.answers import Ranking, Scoring
from shared.moments.prompts.questions import Item, comparison_message
from shared.moments.rules.ranking import complete_order, weighted_score

MOST_ITEMS = 40
"""The number of moments compared in one question."""


@dataclass(frozen=True, slots=True)
class ScoredOrder:
    """Scores of 0..10 by key, and the keys in order, best first."""

    scores: Mapping[int, float]
    order: Sequence[int]


def rank(asker: Asker, system: str, instruction: str, items: Sequence[Item]) -> list[int]:
    """The keys of the items, best first; items past the first `MOST_ITEMS` keep their place.

    `items` come best first by their own scores. They keep that order if the model twice gives no
    order, if it refuses, or if the budget is spent: a worse order must not fail the run.
    """
    keys = [item.key for item in items[:MOST_ITEMS]]
    if len(keys) < 2:
        return [item.key for item in items]

    def order(text: str) -> list[int]:
        return _order(read(text, Ranking).order, keys)

    question = Question(
        "rank",
        system,
        (Turn("user", comparison_message(instruction, items[:MOST_ITEMS])),),
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
    return found + [item.key for item in items[MOST_ITEMS:]]


def score(
    asker: Asker, system: str, instruction: str, items: Sequence[Item], weights: Mapping[str, float]
) -> ScoredOrder:
    """Score and order all items, `MOST_ITEMS` to a question. Raises Reject."""
    scores: dict[int, float] = {}
    order: list[int] = []
    for begin in range(0, len(items), MOST_ITEMS):
        batch = items[begin : begin + MOST_ITEMS]
        found = _score_batch(asker, system, instruction, batch, weights)
        scores |= found.scores
        order += found.order
    if len(items) > MOST_ITEMS:
        # The model never compared items of different batches, so their scores decide.
        order.sort(key=lambda key: -scores[key])
    return ScoredOrder(scores, order)


def _score_batch(
    asker: Asker, system: str, instruction: str, items: Sequence[Item], weights: Mapping[str, float]
) -> ScoredOrder:
    keys = [item.key for item in items]

    def read_scores(text: str) -> ScoredOrder:
        answer = read(text, Scoring)
        scores = {m.id: weighted_score(m.scores.model_dump(), weights) for m in answer.moments}
        missing = [key for key in keys if key not in scores]
        if missing:
            raise Unreadable(f"It has no scores for {', '.join(map(str, missing[:20]))}.")
        return ScoredOrder({key: scores[key] for key in keys}, _order(answer.order, keys))

    question = Question(
        "score",
        system,
        (Turn("user", comparison_message(instruction, items)),),
        "scoring",
        schema_of(Scoring),
    )
    try:
        found, asked, _ = asker.converse(question, read_scores)
    except ModelRefusal as refusal:
        raise Reject(MODEL_REFUSED, f"The model refused to score: {refusal}") from None
    except Unreadable as error:
        raise Reject(
            INVALID_ANSWER,
            f"The model {asker.endpoint.name} gave unreadable scores twice: {error}",
        ) from None
    asker.note(asked, {"order": list(found.order), "qualities": list(found.scores.values())})
    return found


def _order(given: Sequence[int], keys: Sequence[int]) -> list[int]:
    order = complete_order(given, keys)
    if order is None:
        raise Unreadable("Its order leaves out more than half of the numbers.")
    return order
