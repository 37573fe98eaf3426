"""Strike media children at work, by the name of their operation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from shared.media.sandbox import process
from shared.media.sandbox.loopback import RemoteInput
from shared.media.sandbox.process import Child
from shared.messaging.delivery import Outcome
from shared.storage.folder.store import FolderStorage
from tests.support.faults.chaos import Endpoint
from tests.support.faults.recovery import carry_by
from tests.support.faults.strikes.children import (
    STOPPING,
    operation_of,
    wait_stopped,
)
from tests.support.faults.world import FaultWorld
from tests.support.patience import PATIENCE_SECONDS

Operation = tuple[str, str]
Blow = Callable[[psutil.Process], None]


def kill(child: psutil.Process) -> None:
    """Kill it like the kernel when memory is out."""
    child.kill()


def deny_memory(child: psutil.Process) -> None:
    """Allow no more memory: a stopped child limits itself, ffmpeg is limited from outside."""
    if child.status() == psutil.STATUS_STOPPED:
        child.resume()
        return
    size = child.memory_info().vms
    child.rlimit(psutil.RLIMIT_AS, (size, size))


class RemoteFolder(FolderStorage):
    """A folder that can only be read by ranges, like a bucket in the cloud."""

    def local_path(self, url: str) -> Path | None:
        """Never on this machine."""
        return None


@dataclass
class HeldInput:
    """An input of ffmpeg that answers only when released, so ffmpeg can neither go on nor end."""

    asked: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        """Hold the caller."""
        self.asked.set()
        assert self.go_on.wait(PATIENCE_SECONDS)


@dataclass(frozen=True)
class Strike:
    """One strike and its effect: the delivery's answer, and the error in the ledger."""

    stage: str
    operation: str
    outcome: Outcome
    error_code: str


class Striker:
    """Strikes each operation of each function once, until `begin_anew`. One delivery at a time."""

    def __init__(self, world: FaultWorld, patch: pytest.MonkeyPatch, blow: Blow) -> None:
        self.struck: list[Strike] = []
        self._done: set[Operation] = set()
        self._world, self._patch, self._blow = world, patch, blow
        self._stage = ""
        self._operation: str | None = None
        self._held: HeldInput | None = None
        self._launcher = process.LAUNCHER
        self._watch_children()
        self._watch_input()
        carry_by(world, self._carried)

    def reset(self) -> None:
        """Strike each operation once more."""
        self._done.clear()

    def _carried(self, function: str, endpoint: Endpoint) -> Endpoint:
        def deliver(headers: Mapping[str, str], body: bytes) -> Outcome:
            self._stage, self._operation = function, None
            outcome = endpoint(headers, body)
            if self._operation is not None:
                code = self._recorded(function)
                self.struck.append(Strike(function, self._operation, outcome, code))
            return outcome

        return deliver

    def _recorded(self, stage: str) -> str:
        """The ledger's entries for the stage's failed and waiting runs."""
        waiting = [run for run in self._world.runs(stage) if run.status == "queued" and run.attempt]
        return ", ".join({str(run.error_code) for run in waiting})

    def _watch_children(self) -> None:
        begin, enter = Child.__init__, Child.__enter__

        def watched(child: Child, kind: Any, arguments: Any, *rest: Any, **options: Any) -> None:
            operation = operation_of(kind, arguments)
            chosen = (self._stage, operation) not in self._done and self._operation is None
            if chosen:
                self._done.add((self._stage, operation))
                self._operation = operation
                self._held = HeldInput() if kind == "exec" else None
            stops = chosen and kind == "child"
            self._patch.setattr(process, "LAUNCHER", STOPPING if stops else self._launcher)
            begin(child, kind, arguments, *rest, **options)
            setattr(child, "is_chosen", chosen)  # noqa: B010 - the test's own mark

        def entered(child: Child) -> Child:
            if getattr(child, "is_chosen", False):
                self._strike(child)
            return enter(child)

        self._patch.setattr(Child, "__init__", watched)
        self._patch.setattr(Child, "__enter__", entered)

    def _watch_input(self) -> None:
        chunks = RemoteInput.chunks

        def held(source: RemoteInput, *place: Any, **options: Any) -> Iterator[bytes]:
            if self._held is not None:
                self._held.wait()
            yield from chunks(source, *place, **options)

        self._patch.setattr(RemoteInput, "chunks", held)

    def _strike(self, child: Child) -> None:
        found = psutil.Process(child.pid)
        if self._held is None:
            wait_stopped(found)
            self._blow(found)
            return
        assert self._held.asked.wait(PATIENCE_SECONDS), "ffmpeg never asked for its input"
        assert "launch.py" not in " ".join(found.cmdline())
        self._blow(found)
        self._held.go_on.set()
        self._held = None
