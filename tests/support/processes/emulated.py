"""The whole cloud on this machine: PostgreSQL, the official emulator, a server per function."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TypeVar

import psutil
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from cli.dev.emulator import PubSubEmulator
from cli.dev.guard import Guard
from cli.dev.servers import Servers
from cli.dev.topics import EmulatorTopics
from cli.report.results import pipeline_json
from functions.main import TOPOLOGY
from shared.db.engine import make_engine
from shared.db.models import PipelineHistory, StageRun, Video
from shared.domain.documents import Json
from shared.messages.base import Message
from shared.messages.upkeep import SweepRequested
from shared.messaging.outgoing import outgoing
from shared.messaging.protocol import Outgoing
from shared.settings.settings import Settings, load_settings
from tests.support.processes.command import environment

PROJECT = "videomoments-e2e"
DEADLINE_SECONDS = 600.0
# Short, so that what is lost is found within a test's patience.
SHORT = {
    "retry_base_seconds": "0.1",
    "republish_seconds": "2",
    "lease_seconds": "4",
    "heartbeat_seconds": "1",
    "whisper_download": "false",
    "log_format": "json",
    "project": PROJECT,
}
Found = TypeVar("Found")


def eventually(
    what: str, look: Callable[[], Found | None], seconds: float = DEADLINE_SECONDS
) -> Found:
    """The first true result of `look`, called repeatedly. Fails with the name when time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{what}: not within {seconds} s")


class Cloud:
    """The running parts of one cloud."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        emulator: PubSubEmulator,
        topics: EmulatorTopics,
        servers: Servers,
        lines: list[tuple[str, str]],
    ) -> None:
        self.settings = settings
        self.engine = engine
        self.emulator = emulator
        self.topics = topics
        self.servers = servers
        self.lines = lines

    def publish(self, message: Message) -> None:
        """Publish one of our messages."""
        self.topics.publisher.publish([outgoing(message)])

    def publish_raw(self, topic: str, body: bytes, attributes: Mapping[str, str]) -> None:
        """Publish any bytes."""
        self.topics.publisher.publish([Outgoing(topic, body, attributes)])

    def wire(self) -> None:
        """Make topics and subscriptions."""
        self.topics.wire(self.servers.urls)

    def pipelines(self, source_url: str) -> list[tuple[str, str, str]]:
        """Identifier, type and status of each run of that source, in order."""
        with Session(self.engine) as session:
            rows = session.execute(
                select(
                    PipelineHistory.identifier,
                    PipelineHistory.pipeline_type,
                    PipelineHistory.status,
                )
                .join(Video, Video.id == PipelineHistory.video_id)
                .where(Video.cloud_url == source_url)
                .order_by(PipelineHistory.id)
            ).all()
        return [tuple(row) for row in rows]  # type: ignore[misc]

    def ended(self, source_url: str, pipeline_type: str = "full", *, sweeps: bool = False) -> Json:
        """The run of that type for that source in the `--json` form, once it has ended.

        With `sweeps`, a sweep is requested every second meanwhile, as Cloud Scheduler does.
        """
        asked = time.monotonic()

        def look() -> str | None:
            nonlocal asked
            if sweeps and time.monotonic() - asked > 1:
                asked = time.monotonic()
                self.publish(SweepRequested())
            for identifier, kind, status in self.pipelines(source_url):
                if kind == pipeline_type and status != "running":
                    return identifier
            return None

        try:
            identifier = eventually(f"the end of the {pipeline_type} run", look)
        except AssertionError:
            print("\n".join(f"{name}: {line}" for name, line in self.lines[-60:]))
            raise
        with Session(self.engine) as session:
            return pipeline_json(session, identifier)

    def stage_runs(self, **wanted: object) -> list[StageRun]:
        """The ledger's rows with these values."""
        with Session(self.engine) as session:
            return list(
                session.execute(
                    select(StageRun).filter_by(**wanted).order_by(StageRun.id)
                ).scalars()
            )

    def kill(self, function: str) -> None:
        """SIGKILL a function's server and its workers, as when a machine is lost."""
        pid = self.servers[function].pid
        assert pid is not None
        os.killpg(pid, signal.SIGKILL)

    def kill_emulator(self) -> None:
        """SIGKILL the emulator, which loses all its messages."""
        group = self.emulator.process_group
        assert group is not None
        os.killpg(group, signal.SIGKILL)
        eventually("the emulator's end", lambda: not self.emulator.is_running)


@contextmanager
def emulated_cloud(database_url: str, **settings: str) -> Iterator[Cloud]:
    """Start all parts, and stop them at the end. `settings` are those of the functions."""
    env = {**SHORT, "database_url": database_url, **settings}
    named = {f"VIDEOMOMENTS_{key.upper()}": value for key, value in env.items()}
    lines: list[tuple[str, str]] = []
    with ExitStack() as stack:
        guard = Guard()
        stack.callback(guard.close)
        engine = make_engine(database_url, pool_size=3)
        stack.callback(engine.dispose)
        local = load_settings(**env)
        emulator = PubSubEmulator()
        topics = stack.enter_context(
            EmulatorTopics(TOPOLOGY, local, host=emulator.host, own=emulator, guard=guard)
        )
        servers = Servers(
            TOPOLOGY,
            {**environment(), **named, **topics.environment()},
            on_line=lambda name, line: lines.append((name, line)),
            notice=lambda name, text: lines.append((name, text)),
            guard=guard,
        )
        stack.callback(servers.stop)
        servers.start()
        late = servers.wait_until_ready(60)
        assert not late, f"not up: {late}\n" + "\n".join(line for _, line in lines[-40:])
        stack.enter_context(_tended(servers))
        cloud = Cloud(local, engine, emulator, topics, servers, lines)
        cloud.wire()
        yield cloud


@contextmanager
def _tended(servers: Servers) -> Iterator[None]:
    """Restart services that die, as Cloud Run does."""
    stop = threading.Event()

    def tend() -> None:
        while not stop.wait(0.1):
            servers.tend()

    thread = threading.Thread(target=tend, name="tend", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def family(pid: int) -> list[psutil.Process]:
    """A process and all its descendants."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]
