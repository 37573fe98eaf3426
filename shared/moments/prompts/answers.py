"""The forms of a model's answers about moments, and their parsers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from shared.engines.llm.forms import Form, Unreadable, first_problem, read_object
from shared.moments.rules.proposals import Proposal, Rejected

MAX_MOMENTS = 40
Score = Annotated[int, Field(ge=0, le=10)]
Number = Annotated[int, Field(ge=0, le=10_000_000)]


class SubScores(Form):
    """A score for each of `shared.moments.rules.ranking.CRITERIA`."""

    hook: Score
    substance: Score
    clarity: Score
    emotion: Score
    completeness: Score


class RefinedMoment(Form):
    """A moment with its new first and last sentence."""

    start_id: Number
    end_id: Number
    quote: Annotated[str, Field(max_length=4000)]
    title: Annotated[str, Field(max_length=1000)]
    reason: Annotated[str, Field(max_length=4000)]


class ProposedMoment(RefinedMoment):
    """A moment that a model proposes."""

    scores: SubScores


class Moments(Form):
    """The answer to a generation."""

    moments: list[ProposedMoment]


class Ranking(Form):
    """The answer to a ranking."""

    order: list[Number]


class ScoredMoment(Form):
    """The sub-scores of one moment."""

    id: Number
    scores: SubScores


class Scoring(Form):
    """The answer to a scoring."""

    moments: list[ScoredMoment]
    order: list[Number]


def read_moments(text: str) -> list[Proposal | Rejected]:
    """Parse each proposed moment on its own, so that a malformed one does not spoil the others.

    Raises `Unreadable` if the answer has no list of moments.
    """
    answer = read_object(text)
    listed = answer.get("moments")
    if not isinstance(listed, list) or set(answer) != {"moments"}:
        raise Unreadable('It does not have the form {"moments": […]}.')
    found = [_parse_proposal(one) for one in listed[:MAX_MOMENTS]]
    if len(listed) > MAX_MOMENTS:
        found.append(
            Rejected("too_many", f"One answer has {len(listed)} moments; only the first were read.")
        )
    return found


def as_proposal(moment: RefinedMoment, sub_scores: Mapping[str, int] | None = None) -> Proposal:
    """Convert a parsed moment to a proposal."""
    return Proposal(
        moment.start_id,
        moment.end_id,
        moment.quote,
        moment.title,
        moment.reason,
        dict(sub_scores or {}),
    )


def _parse_proposal(found: Any) -> Proposal | Rejected:
    try:
        moment = ProposedMoment.model_validate(found)
    except (ValidationError, RecursionError) as error:
        return Rejected("invalid_form", first_problem(error))
    return as_proposal(moment, moment.scores.model_dump())
