"""The forms of answers, and reading them out of whatever a model wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from shared.engines.llm.forms import Form, Unreadable, _first_problem, read_object
from shared.moments.rules.proposals import Proposal, Rejected

MAX_MOMENTS = 40
Mark = Annotated[int, Field(ge=0, le=10)]
Number = Annotated[int, Field(ge=0, le=10_000_000)]


class SubScores(Form):
    """See `shared.moments.rules.ranking.CRITERIA`."""

    hook: Mark
    substance: Mark
    clarity: Mark
    emotion: Mark
    completeness: Mark


class RefinedMoment(Form):
    """A moment's new bounds."""

    start_id: Number
    end_id: Number
    quote: Annotated[str, Field(max_length=4000)]
    title: Annotated[str, Field(max_length=1000)]
    reason: Annotated[str, Field(max_length=4000)]


class ProposedMoment(RefinedMoment):
    """A moment as a model proposes it."""

    scores: SubScores


class Moments(Form):
    """The answer of a generation."""

    moments: list[ProposedMoment]


class Ranking(Form):
    """The answer of a comparison."""

    order: list[Number]


class ScoredMoment(Form):
    """One moment's sub-scores."""

    id: Number
    scores: SubScores


class Scoring(Form):
    """The answer of a scoring."""

    moments: list[ScoredMoment]
    order: list[Number]


def read_moments(text: str) -> list[Proposal | Rejected]:
    """Each proposed moment by itself: one that is out of form does not spoil the others.

    Raises `Unreadable` where there is no list of moments at all.
    """
    answer = read_object(text)
    listed = answer.get("moments")
    if not isinstance(listed, list) or set(answer) != {"moments"}:
        raise Unreadable('It has not the form {"moments": […]}.')
    found = [_proposal(one) for one in listed[:MAX_MOMENTS]]
    if len(listed) > MAX_MOMENTS:
        found.append(
            Rejected("too_many", f"{len(listed)} moments in one answer; the first were read.")
        )
    return found


def as_proposal(moment: RefinedMoment, sub_scores: Mapping[str, int] | None = None) -> Proposal:
    """The domain's words for it."""
    return Proposal(
        moment.start_id,
        moment.end_id,
        moment.quote,
        moment.title,
        moment.reason,
        dict(sub_scores or {}),
    )


def _proposal(found: Any) -> Proposal | Rejected:
    try:
        moment = ProposedMoment.model_validate(found)
    except (ValidationError, RecursionError) as error:
        return Rejected("invalid_form", _first_problem(error))
    return as_proposal(moment, moment.scores.model_dump())
