"""The result of one check of `doctor`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from cli.failures import one_line

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Check:
    """`problem`: runs fail or results are missing until `remedy` is followed. `warning`: it
    works, but the user should know."""

    name: str
    state: State
    found: str
    remedy: str = ""


def checked(name: str, remedy: str, look: Callable[[], Iterable[Check]]) -> Iterator[Check]:
    """The findings of `look`; an error that it raises is a problem with that remedy."""
    try:
        yield from look()
    except Exception as error:
        yield Check(name, "problem", told(error), remedy)


def told(error: Exception) -> str:
    """The error in one line."""
    said = one_line(error) or " ".join(str(error).split())
    return (said or type(error).__name__)[:400]
