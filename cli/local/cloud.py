"""The whole cloud in one process: folder buckets, in-process topics, all functions."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

import psutil
import structlog
from filelock import FileLock, Timeout
from sqlalchemy import Engine, select

from cli.local.database import database
from cli.local.home import Home
from functions.main import TOPOLOGY
from functions.upkeep.sweep import sweep_all
from functions.wiring import Speech, make_context
from shared.db.models import StageRun, StageRunStatus
from shared.http.events.intake import Intake
from shared.messages.upkeep import SweepRequested
from shared.messaging.in_process.broker import CLOSE_SECONDS, MemoryBroker
from shared.messaging.outgoing import outgoing
from shared.messaging.pubsub.provision import SubscriptionSpec
from shared.pipeline.context import Context, this_process
from shared.pipeline.runtime import Runtime
from shared.pipeline.topology import MAX_DELIVERY_ATTEMPTS, Topology
from shared.settings.settings import Settings
from shared.telemetry.process import recorded_by

SWEEP_SECONDS = 30.0
_log = structlog.get_logger(__name__)


def subscription_specs(topology: Topology, settings: Settings) -> list[SubscriptionSpec]:
    """The topology's subscriptions, with the settings' backoff."""
    return [
        SubscriptionSpec(
            name=subscription.name,
            topic=subscription.topic,
            ack_deadline_seconds=subscription.ack_deadline_seconds,
            dead_letter_topic=None
            if subscription.topic == topology.dead_letter_topic
            else topology.dead_letter_topic,
            max_delivery_attempts=MAX_DELIVERY_ATTEMPTS,
            min_backoff_seconds=settings.retry_base_seconds,
        )
        for subscription in topology.subscriptions
    ]


def wire_topics(
    broker: MemoryBroker, topology: Topology, settings: Settings, runtime: Runtime
) -> None:
    """Subscribe every function to its topics, through the same envelopes as in the cloud."""
    intakes = {
        function.name: Intake(function.name, function.consumes, partial(runtime.handler, function))
        for function in topology.functions
    }
    for spec in subscription_specs(topology, settings):
        function = spec.name.rpartition(".")[2]
        broker.subscribe(spec, intakes[function].receive)


@dataclass(frozen=True, slots=True)
class LocalCloud:
    """The ports of this process, and its topics."""

    context: Context
    broker: MemoryBroker


@contextmanager
def local_cloud(
    settings: Settings,
    home: Home,
    *,
    on_notice: Callable[[str], None],
    on_wait: Callable[[str], None],
) -> Iterator[LocalCloud]:
    """Run all functions in this process until the block ends.

    Unfinished work of an earlier process continues. One process works on a data folder at a time;
    another calls `on_wait`, then waits.
    """
    home.root.mkdir(parents=True, exist_ok=True)
    local = home.settings(settings)
    with ExitStack() as stack:
        stack.enter_context(recorded_by(local, "videomoments"))
        stack.enter_context(alone(home, on_wait))
        shutil.rmtree(home.work, ignore_errors=True)
        engine = stack.enter_context(database(local, home))
        broker = MemoryBroker(workers=local.workers)
        stack.callback(broker.close)
        context = make_context(
            local,
            TOPOLOGY,
            engine=engine,
            publisher=broker,
            speech=Speech(local, on_notice),
            work_root=home.work,
        )
        wire_topics(broker, TOPOLOGY, local, Runtime(context))
        sweep_all(context, at_once=True, dead_owners=dead_owners(engine))
        stack.enter_context(scheduled_sweeps(context))
        stack.enter_context(interruptible(on_notice))
        yield LocalCloud(context, broker)


@contextmanager
def interruptible(on_notice: Callable[[str], None]) -> Iterator[None]:
    """The first Ctrl-C lets running steps finish; the second stops at once."""
    try:
        yield
    except KeyboardInterrupt:
        on_notice(
            f"Stopping; running steps get {CLOSE_SECONDS:.0f} s to finish. "
            "Press Ctrl-C again to stop at once."
        )
        # Stages survive a kill at any point, and the database's keeper stops its server.
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
        raise


def is_deserted(home: Home, settings: Settings) -> bool:
    """Whether no process works on this folder, here or behind a cloud project's topics."""
    if settings.project is not None:
        return False
    lock = FileLock(home.lock)
    try:
        lock.acquire(timeout=0)
    except (Timeout, OSError):
        return False
    lock.release()
    return True


@contextmanager
def alone(home: Home, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the data folder's lock. Calls `on_wait` if another process holds it, then waits."""
    lock = FileLock(home.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait(
            f"Another videomoments is running in {home.root}; waiting for it to end. "
            "Stop it, or choose another folder with --data."
        )
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def dead_owners(engine: Engine) -> list[str]:
    """Processes of this machine that hold leases but have ended.

    This process holds the folder's lock and no lease yet, so a live process with a lease's id is
    unrelated.
    """
    host = this_process().partition(":")[0]
    with engine.connect() as connection:
        owners = connection.execute(
            select(StageRun.lease_owner).where(StageRun.status == StageRunStatus.RUNNING).distinct()
        ).scalars()
        return [owner for owner in owners if owner and _is_dead(owner, host)]


def _is_dead(owner: str, host: str) -> bool:
    machine, _, process = owner.partition(":")
    number, _, born = process.partition(":")
    if machine != host or not (number.isdigit() and born.isdigit()):
        return False
    try:
        started = psutil.Process(int(number)).create_time()
    except psutil.NoSuchProcess:
        return True
    # A process that started after the lease's owner reuses the owner's id.
    return bool(started > int(born) / 1e9 + 1)


@contextmanager
def scheduled_sweeps(context: Context) -> Iterator[None]:
    """Request a sweep at intervals, as Cloud Scheduler does."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(SWEEP_SECONDS):
            try:
                context.publisher.publish([outgoing(SweepRequested())])
            except Exception as error:
                _log.warning("sweep not requested", error=str(error))

    thread = threading.Thread(target=ask, name="scheduler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
