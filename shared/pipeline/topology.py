"""The consumers of every message, derived from the functions' declarations alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from shared.errors import VideoMomentsError
from shared.messages.base import DEAD_LETTER_TOPIC, Message
from shared.pipeline.flow import in_flow_order
from shared.pipeline.stage import Function, Stage, Task

# With waits of 10 s to a minute: about nine minutes, longer than any message may take.
MAX_DELIVERY_ATTEMPTS = 12
ACK_DEADLINE_MARGIN_SECONDS = 60
MAX_ACK_DEADLINE_SECONDS = 600


class TopologyError(VideoMomentsError):
    """The declarations contradict each other; no process may start."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """One function's subscription to one topic."""

    topic: str
    function: str
    ack_deadline_seconds: int

    @property
    def name(self) -> str:
        """`topic.function`, as the broker knows it."""
        return f"{self.topic}.{self.function}"


class Topology:
    """All functions, checked: every emitted message has a consumer, and names are unique."""

    def __init__(self, functions: Sequence[Function]) -> None:
        """Raises `TopologyError` that names every fault."""
        self.functions = in_flow_order(functions)
        problems = list(self._problems())
        if problems:
            raise TopologyError("; ".join(problems))

    def _problems(self) -> Iterator[str]:
        names = [function.name for function in self.functions]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{name} is declared {names.count(name)} times"
        consumed = {message for function in self.functions for message in function.consumes}
        for function in self.functions:
            if not function.consumes:
                yield f"{function.name} consumes nothing"
            if len(set(function.consumes)) < len(function.consumes):
                yield f"{function.name} consumes a message twice"
            for message in function.emits:
                if message not in consumed:
                    yield f"{function.name} emits {message.__name__}, which no function consumes"
            limit = MAX_ACK_DEADLINE_SECONDS - ACK_DEADLINE_MARGIN_SECONDS
            if function.resources.timeout_seconds > limit:
                yield f"{function.name} may take longer than {limit} s"
        topics: dict[str, type[Message]] = {}
        for message in consumed:
            other = topics.setdefault(message.topic, message)
            if other is not message:
                yield f"{message.topic} carries {message.__name__} and {other.__name__}"

    def __getitem__(self, name: str) -> Function:
        """The function of that name. Raises `TopologyError`."""
        for function in self.functions:
            if function.name == name:
                return function
        known = ", ".join(function.name for function in self.functions)
        raise TopologyError(f"There is no function {name!r}. There are: {known}.")

    def stage(self, name: str) -> Stage:
        """The stage of that name. Raises `TopologyError`."""
        found = self[name]
        if not isinstance(found, Stage):
            raise TopologyError(f"{name} is not a stage of a pipeline.")
        return found

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The functions that run under the ledger, in the order data flows through them."""
        return tuple(f for f in self.functions if isinstance(f, Stage))

    @cached_property
    def messages(self) -> dict[str, type[Message]]:
        """Every message by its topic, in the order of the functions that consume them."""
        return {message.topic: message for f in self.functions for message in f.consumes}

    @cached_property
    def subscriptions(self) -> tuple[Subscription, ...]:
        """One for each (topic, function)."""
        return tuple(
            Subscription(
                message.topic,
                function.name,
                min(
                    MAX_ACK_DEADLINE_SECONDS,
                    function.resources.timeout_seconds + ACK_DEADLINE_MARGIN_SECONDS,
                ),
            )
            for function in self.functions
            for message in function.consumes
        )

    def consumers(self, message: type[Message], pipeline_type: str) -> list[Stage]:
        """The stages that this message queues in a run of that type."""
        return [
            stage
            for stage in self.stages
            if message in stage.consumes and pipeline_type in stage.pipeline_types
        ]

    def before(self, stage: Stage) -> frozenset[str]:
        """The stages upstream of that stage, directly or not."""
        found: set[str] = set()
        wanted = set(stage.consumes)
        while emitters := {
            one for one in self.stages if one.name not in found and wanted & set(one.emits)
        }:
            found |= {one.name for one in emitters}
            wanted = {message for one in emitters for message in one.consumes}
        return frozenset(found)

    @property
    def dead_letter_topic(self) -> str:
        """The topic of undeliverable messages."""
        return DEAD_LETTER_TOPIC


def published_topics(topology: Topology, function: Function) -> list[str]:
    """Every topic that the function may publish to, in the order data flows."""
    if isinstance(function, Task) and function.republishes:
        return _topics(message for stage in topology.stages for message in stage.consumes)
    return _topics(function.emits)


def _topics(messages: Iterable[type[Message]]) -> list[str]:
    return list(dict.fromkeys(message.topic for message in messages))
