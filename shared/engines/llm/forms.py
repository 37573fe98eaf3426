"""Forms: the JSON objects that a model must answer with, and the parser of its answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

MAX_CHARACTERS = 500_000
_PROBLEMS = {
    "missing": "is missing",
    "extra_forbidden": "was not asked for",
    "string_type": "is not a text",
    "list_type": "is not a list",
    "int_type": "is not a whole number",
    "int_parsing": "is not a whole number",
    "int_from_float": "is not a whole number",
    "model_type": "is not a JSON object",
}
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)


class Form(BaseModel):
    """An answer's fields. Other fields are an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Unreadable(ValueError):
    """An answer that does not follow its form; the message says what is wrong with it."""


T = TypeVar("T", bound=Form)


@cache
def schema_of(form: type[Form]) -> Mapping[str, Any]:
    """The JSON schema that a model receives."""
    return form.model_json_schema()


def read_object(text: str) -> dict[str, Any]:
    """The JSON object in a text; a fence or thoughts around it are dropped. Raises Unreadable."""
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(f"It is longer than {MAX_CHARACTERS} characters.")
    bare = _THOUGHT.sub("", text)
    begin, end = bare.find("{"), bare.rfind("}")
    if begin < 0 or end < begin:
        raise Unreadable("It has no JSON object.")
    try:
        found = json.loads(bare[begin : end + 1], parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"It is not valid JSON: {str(error)[:200]}.") from None
    if not isinstance(found, dict):
        raise Unreadable("It is not a JSON object.")
    return found


def read(text: str, form: type[T]) -> T:
    """Parse an answer into its form. Raises Unreadable."""
    try:
        return form.model_validate(read_object(text))
    except (ValidationError, RecursionError) as error:
        raise Unreadable(first_problem(error)) from None


def first_problem(error: ValidationError | RecursionError) -> str:
    """A sentence on the first problem, for the model that must repair it."""
    if not isinstance(error, ValidationError):
        return "It is nested too deeply."
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where} {_PROBLEMS.get(first['type'], 'is wrong: ' + first['msg'])}."[:300]


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"{text} is not a number")


def repair_request(fault: str) -> str:
    """The text that asks a model to repeat an unusable answer."""
    return f"That answer cannot be used: {fault} Answer again, in the form asked for and no other."
