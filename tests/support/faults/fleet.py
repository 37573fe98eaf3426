"""Worker processes behind the broker of a fault world; dead ones are replaced."""

from __future__ import annotations

import multiprocessing
import queue
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess

import psutil

from shared.errors import PublishFailed
from shared.messaging.delivery import Outcome
from tests.support.faults.strikes.injection import Fault
from tests.support.faults.worker import Answer, Push, WorkerSpec, serve
from tests.support.faults.world import FaultWorld
from tests.support.patience import PATIENCE_SECONDS

# Imported once, before the fork: the client of language models takes seconds.
PRELOADED = [
    "tests.support.faults.worker",
    "tests.support.faults.fleet",
    "shared.engines.llm.wire",
    "pydantic_ai.direct",
    "pydantic_ai.models.openai",
    "pydantic_ai.providers.openai_compatible",
]


def _forks() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


class Worker:
    """One process. Takes one push at a time; raises `EOFError` if it dies."""

    def __init__(self, spec: WorkerSpec, world: FaultWorld) -> None:
        self.spec = spec
        self.reached: Counter[tuple[str, str]] = Counter()
        self._world = world
        self._pipe: Connection
        self._process: BaseProcess
        self._start()

    def _start(self) -> None:
        context = _forks()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, self.spec), daemon=True)
        self._process.start()
        theirs.close()

    def push(self, push: Push) -> Outcome:
        """Deliver, and publish the worker's messages. `reached`: the delivery's points."""
        self.reached = Counter()
        try:
            self._pipe.send(push)
            while not isinstance(said := self._pipe.recv(), Answer):
                self._pipe.send(self._published(said))
        except OSError as error:
            raise EOFError from error
        self.reached = said.reached
        return said.outcome

    def _published(self, messages: list[object]) -> bool:
        try:
            self._world.broker.publish(messages)  # type: ignore[arg-type]
        except PublishFailed:
            return False
        return True

    def restart(self) -> None:
        """Replace a dead process."""
        self.end()
        self._start()

    def wait_stopped(self) -> None:
        """Wait until it has stopped itself."""
        process = psutil.Process(self._process.pid)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while process.status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < deadline, "the worker never came to the point"
            time.sleep(0.005)

    def resume(self) -> None:
        """Continue a stopped process."""
        psutil.Process(self._process.pid).send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Close the pipe; kill the process if it does not end."""
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(5)


class Fleet:
    """A number of workers, any of which takes a delivery. `fault` strikes one that reaches it.

    `reached` counts the points that functions reached in deliveries without a death.
    """

    def __init__(self, world: FaultWorld, spec: WorkerSpec, size: int) -> None:
        self.fault: Fault | None = None
        self.deaths = 0
        self.reached: Counter[tuple[str, str]] = Counter()
        self._world = world
        self._lock = threading.Lock()
        self._noting = threading.Lock()
        self.workers = [
            Worker(replace(spec, work=spec.work / str(number)), world) for number in range(size)
        ]
        self._idle: queue.Queue[Worker] = queue.Queue()
        for worker in self.workers:
            self._idle.put(worker)
        world.broker.reroute(self._endpoint)

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()

    def _endpoint(self, function: str) -> Callable[[Mapping[str, str], bytes], Outcome]:
        def receive(headers: Mapping[str, str], body: bytes) -> Outcome:
            fault = self.fault
            if fault is None or fault.function != function:
                return self._carry(make_push(self._world, function, headers, body))
            # One at a time, or another delivery of the same would do the work without it.
            with self._lock:
                return self._carry(make_push(self._world, function, headers, body, self.fault))

        return receive

    def _note(self, reached: Counter[tuple[str, str]]) -> None:
        with self._noting:
            self.reached.update(reached)
            if self.fault is not None:
                passed = reached[self.fault.function, self.fault.point]
                self.fault = replace(self.fault, skip=self.fault.skip - passed)

    def _carry(self, push: Push) -> Outcome:
        worker = self._idle.get(timeout=PATIENCE_SECONDS)
        try:
            outcome = worker.push(push)
            self._note(worker.reached)
            return outcome
        except EOFError:
            with self._noting:
                self.deaths += 1
                self.fault = None
            worker.restart()
            raise
        finally:
            self._idle.put(worker)


def make_push(
    world: FaultWorld,
    function: str,
    headers: Mapping[str, str],
    body: bytes,
    fault: Fault | None = None,
) -> Push:
    """A delivery at this time, with the fault for the worker."""
    return Push(function, dict(headers), body, world.context.clock.offset, fault)
