"""The forms of answers, and reading them out of whatever a model wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.domain.proposals import Fault, Proposal

MAX_CHARACTERS = 500_000
MAX_MOMENTS = 40
Mark = Annotated[int, Field(ge=0, le=10)]
Number = Annotated[int, Field(ge=0, le=10_000_000)]
_PLAIN = {
    "missing": "is missing",
    "extra_forbidden": "was not asked for",
    "string_type": "is no text",
    "list_type": "is no list",
    "int_type": "is no whole number",
    "int_parsing": "is no whole number",
    "int_from_float": "is no whole number",
    "model_type": "is no JSON object",
}
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)


class Form(BaseModel):
    """Nothing but the fields that are asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SubScores(Form):
    """See `shared.domain.ranking.CRITERIA`."""

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


class Unreadable(ValueError):
    """An answer that is none of the form asked for; says what is wrong with it."""


T = TypeVar("T", bound=Form)


@cache
def schema_of(form: type[Form]) -> Mapping[str, Any]:
    """The JSON schema a model is given."""
    return form.model_json_schema()


def read_object(text: str) -> dict[str, Any]:
    """The JSON object in a text, which may have a fence or thoughts around it.

    Raises `Unreadable`.
    """
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"It is longer than {MAX_CHARACTERS} characters.")
    bare = _THOUGHT.sub("", text)
    begin, end = bare.find("{"), bare.rfind("}")
    if begin < 0 or end < begin:
        raise Unreadable("It has no JSON object.")
    try:
        found = json.loads(bare[begin : end + 1], parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"It is no JSON: {str(error)[:200]}.") from None
    if not isinstance(found, dict):
        raise Unreadable("It is no JSON object.")
    return found


def read(text: str, form: type[T]) -> T:
    """The answer in its form. Raises `Unreadable`."""
    try:
        return form.model_validate(read_object(text))
    except (ValidationError, RecursionError) as error:
        raise Unreadable(_first_problem(error)) from None


def read_moments(text: str) -> list[Proposal | Fault]:
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
            Fault("too_many", f"{len(listed)} moments in one answer; the first were read.")
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


def _proposal(found: Any) -> Proposal | Fault:
    try:
        moment = ProposedMoment.model_validate(found)
    except (ValidationError, RecursionError) as error:
        return Fault("invalid_form", _first_problem(error))
    return as_proposal(moment, moment.scores.model_dump())


def _first_problem(error: ValidationError | RecursionError) -> str:
    if not isinstance(error, ValidationError):
        return "It is nested too deeply."
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where} {_PLAIN.get(first['type'], 'is wrong: ' + first['msg'])}."[:300]


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")
