"""Forms: JSON answers that a model is asked for, and how they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

MAX_CHARACTERS = 500_000


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


def _first_problem(error: ValidationError | RecursionError) -> str:
    if not isinstance(error, ValidationError):
        return "It is nested too deeply."
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where} {_PLAIN.get(first['type'], 'is wrong: ' + first['msg'])}."[:300]


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


def whole_repair(fault: str) -> str:
    """The answer as a whole was of no use."""
    return f"That answer cannot be used: {fault} Answer again, in the form asked for and no other."
