"""One decorator turns a plain function into a stage and takes all of its declarations."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, get_type_hints

from shared.messages.base import Message, PipelineType
from shared.messaging.delivery import Ignored

ALL_PIPELINE_TYPES: frozenset[str] = frozenset(get_args(PipelineType))
Image = Literal["media", "speech"]
# A function's needs besides the database and its topics; its cloud account has no other grants.
Need = Literal["uploads", "derived", "models"]


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources of one instance, and the time limit of one message."""

    timeout_seconds: int = 300
    cpu: int = 1
    memory_mib: int = 1024
    concurrency: int = 1
    min_instances: int = 0
    max_instances: int = 10
    image: Image = "media"


@dataclass(frozen=True, slots=True)
class Stage:
    """A unit of work on one subject of one run, under a lease of the ledger.

    `does`: its work in words, such as "cutting a clip".
    `job`: the class of the handler's job; the handler's annotation names it.
    `decides_moments`: when the stage skips, its reason may explain why the run has no moments.
    `required`: the run fails when this stage does; otherwise it ends `partial`.
    `entry`: admits messages from outside, which may have to begin a run first.
    `pipeline_types`: the types of run that the stage takes part in.
    `needs`: the uploads that it reads, the models that it asks. Every stage needs the derived
    bucket, because the one that ends a run deletes its temporary objects.
    """

    name: str
    does: str
    handler: Callable[[Any, Any], None]
    job: type[Any]
    consumes: tuple[type[Message], ...]
    emits: tuple[type[Message], ...] = ()
    required: bool = True
    entry: Entry | None = None
    pipeline_types: frozenset[str] = ALL_PIPELINE_TYPES
    resources: Resources = field(default_factory=Resources)
    needs: frozenset[Need] = frozenset[Need]({"derived"})
    decides_moments: bool = False

    def __call__(self, message: Message, job: Any) -> None:
        """Call the function itself."""
        self.handler(message, job)


Entry = Callable[[Any, Stage, Any], Message | Ignored]
"""Called with context, stage and message. Returns the message with its pipeline named, which exists
and has the stage queued. Raises `Reject` when the message cannot be admitted."""


@dataclass(frozen=True, slots=True)
class Task:
    """A function outside any run, without a row in the ledger; it must be idempotent.

    `does`: its work in words, such as "recording a dead letter".
    `republishes`: it may republish any message that a stage waits for.
    """

    name: str
    does: str
    handler: Callable[[Any, Any], None]
    consumes: tuple[type[Message], ...]
    resources: Resources = field(default_factory=Resources)
    emits: tuple[type[Message], ...] = ()
    needs: frozenset[Need] = frozenset()
    republishes: bool = False

    def __call__(self, message: Message, context: Any) -> None:
        """Call the function itself."""
        self.handler(message, context)


Function = Stage | Task


def stage(
    *,
    does: str,
    consumes: Collection[type[Message]],
    emits: Collection[type[Message]] = (),
    required: bool = True,
    entry: Entry | None = None,
    pipeline_types: Collection[str] | None = None,
    resources: Resources | None = None,
    needs: Collection[Need] = (),
    decides_moments: bool = False,
) -> Callable[[Callable[[Any, Any], None]], Stage]:
    """Make a stage of the same name from a function of (message, job).

    The annotation of `job` names the class of the stage's job.
    """

    def declare(handler: Callable[[Any, Any], None]) -> Stage:
        return Stage(
            name=handler.__name__,
            does=does,
            handler=handler,
            job=_job_of(handler),
            consumes=tuple(consumes),
            emits=tuple(emits),
            required=required,
            entry=entry,
            pipeline_types=frozenset(pipeline_types or ALL_PIPELINE_TYPES),
            resources=resources or Resources(),
            needs=frozenset[Need]({"derived", *needs}),
            decides_moments=decides_moments,
        )

    return declare


def _job_of(handler: Callable[[Any, Any], None]) -> type[Any]:
    """The class in the annotation of the parameter `job`. Raises TypeError if there is none."""
    found = get_type_hints(handler).get("job")
    if not isinstance(found, type):
        raise TypeError(f"{handler.__name__} must annotate its parameter `job` with a class of job")
    return found


def task(
    *,
    does: str,
    consumes: Collection[type[Message]],
    resources: Resources | None = None,
    needs: Collection[Need] = (),
    republishes: bool = False,
) -> Callable[[Callable[[Any, Any], None]], Task]:
    """Make a task of the same name from a function of (message, context)."""

    def declare(handler: Callable[[Any, Any], None]) -> Task:
        return Task(
            name=handler.__name__,
            does=does,
            handler=handler,
            consumes=tuple(consumes),
            resources=resources or Resources(),
            needs=frozenset(needs),
            republishes=republishes,
        )

    return declare
