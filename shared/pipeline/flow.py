"""The order in which data flows through functions."""

from __future__ import annotations

from collections.abc import Sequence

from shared.messages.base import DEAD_LETTER_TOPIC
from shared.pipeline.stage import Function, Task


def in_flow_order(functions: Sequence[Function]) -> tuple[Function, ...]:
    """Sort functions so that each comes after those whose messages it consumes.

    If several could come next: stages before tasks, then a branch that ends soon before a longer
    one, then by name. Dead letters may come from any function, so their consumer comes last.
    """
    followers = [_followers(function, functions) for function in functions]
    reach = [_reach(index, followers) for index in range(len(functions))]
    waiting = set(range(len(functions)))
    ordered: list[Function] = []

    def rank(index: int) -> tuple[bool, int, str, int]:
        function = functions[index]
        return isinstance(function, Task), len(reach[index]), function.name, index

    while waiting:
        free = [i for i in waiting if not any(i in followers[j] for j in waiting - {i})]
        # In a circle of messages no function is free: then the same rule picks the first.
        following = min(free or waiting, key=rank)
        waiting.remove(following)
        ordered.append(functions[following])
    return tuple(ordered)


def _followers(function: Function, functions: Sequence[Function]) -> set[int]:
    """The indices of the functions that consume this function's messages."""
    return {
        number
        for number, other in enumerate(functions)
        if set(function.emits) & set(other.consumes)
        or (_consumes_dead_letters(other) and not _consumes_dead_letters(function))
    }


def _consumes_dead_letters(function: Function) -> bool:
    return any(message.topic == DEAD_LETTER_TOPIC for message in function.consumes)


def _reach(start: int, followers: Sequence[set[int]]) -> set[int]:
    """The indices of all functions that follow, directly or not."""
    found: set[int] = set()
    new = followers[start]
    while new:
        found |= new
        new = set[int]().union(*(followers[number] for number in new)) - found
    return found
