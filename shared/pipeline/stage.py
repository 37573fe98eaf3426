"""A plain function becomes a stage by one decorator, which carries all there is to know of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from shared.messages.base import Message, PipelineType

if TYPE_CHECKING:
    from shared.pipeline.context import Context
    from shared.pipeline.job import Job

ALL_PIPELINE_TYPES: frozenset[str] = frozenset(get_args(PipelineType))
Image = Literal["media", "speech"]
# What a function touches beside the database and its topics; in the cloud its account gets no more.
Need = Literal["uploads", "derived", "models"]


@dataclass(frozen=True, slots=True)
class Resources:
    """What one instance gets, and how long one message may take."""

    timeout_seconds: int = 300
    cpu: int = 1
    memory_mib: int = 1024
    concurrency: int = 1
    min_instances: int = 0
    max_instances: int = 10
    image: Image = "media"


@dataclass(frozen=True, slots=True)
class Stage:
    """A unit of work on one subject of one pipeline, run under a lease of the ledger.

    `required`: the pipeline fails when this does; otherwise it ends `partial`.
    `entry`: its messages may come from outside, so a pipeline may have to be begun first.
    `pipeline_types`: the runs which it takes part in.
    `needs`: the uploads it reads, the models it asks; the derived bucket is every stage's, for
    whichever ends a run deletes what that run kept there.
    """

    name: str
    handler: Callable[[Any, Job], None]
    consumes: tuple[type[Message], ...]
    emits: tuple[type[Message], ...] = ()
    required: bool = True
    entry: bool = False
    pipeline_types: frozenset[str] = ALL_PIPELINE_TYPES
    resources: Resources = field(default_factory=Resources)
    needs: frozenset[Need] = frozenset[Need]({"derived"})

    def __call__(self, message: Message, job: Job) -> None:
        """The function itself."""
        self.handler(message, job)


@dataclass(frozen=True, slots=True)
class Task:
    """A function outside any pipeline: no ledger row, safe to repeat by its own nature.

    `republishes`: it may send again what any stage waits for.
    """

    name: str
    handler: Callable[[Any, Context], None]
    consumes: tuple[type[Message], ...]
    resources: Resources = field(default_factory=Resources)
    emits: tuple[type[Message], ...] = ()
    needs: frozenset[Need] = frozenset()
    republishes: bool = False

    def __call__(self, message: Message, context: Context) -> None:
        """The function itself."""
        self.handler(message, context)


Function = Stage | Task


def stage(
    *,
    consumes: Collection[type[Message]],
    emits: Collection[type[Message]] = (),
    required: bool = True,
    entry: bool = False,
    pipeline_types: Collection[PipelineType] | None = None,
    resources: Resources | None = None,
    needs: Collection[Need] = (),
) -> Callable[[Callable[[Any, Job], None]], Stage]:
    """Make a function of (message, job) a stage, named as the function is."""

    def declare(handler: Callable[[Any, Job], None]) -> Stage:
        return Stage(
            name=handler.__name__,
            handler=handler,
            consumes=tuple(consumes),
            emits=tuple(emits),
            required=required,
            entry=entry,
            pipeline_types=frozenset(pipeline_types or ALL_PIPELINE_TYPES),
            resources=resources or Resources(),
            needs=frozenset[Need]({"derived", *needs}),
        )

    return declare


def task(
    *,
    consumes: Collection[type[Message]],
    resources: Resources | None = None,
    needs: Collection[Need] = (),
    republishes: bool = False,
) -> Callable[[Callable[[Any, Context], None]], Task]:
    """Make a function of (message, context) a task, named as the function is."""

    def declare(handler: Callable[[Any, Context], None]) -> Task:
        return Task(
            name=handler.__name__,
            handler=handler,
            consumes=tuple(consumes),
            resources=resources or Resources(),
            needs=frozenset(needs),
            republishes=republishes,
        )

    return declare
