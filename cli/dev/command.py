"""`videomoments dev`: the whole cloud on one machine, one process for each function."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TextIO, cast

from rich.console import Console
from sqlalchemy import Engine

from cli.dev.console import DevConsole, OwnLines
from cli.dev.guard import Guard
from cli.dev.process import only_one, stopped_by_signals
from cli.dev.servers import Servers
from cli.dev.topics import Choice, Topics, open_topics
from cli.dev.watcher import Watcher, announce_drop, is_registered
from cli.local.cloud import dead_owners, scheduled_sweeps
from cli.local.database import database
from cli.local.dev_note import DEFAULT_PROJECT, Running, announce, this_process_started_at
from cli.local.home import Home
from functions.main import TOPOLOGY
from functions.upkeep.sweep import sweep_all
from functions.wiring import make_context
from shared.pipeline.context import Context
from shared.settings.settings import PREFIX, Settings
from shared.storage.urls import path_of
from shared.telemetry import logs as log
from shared.telemetry.process import recorded_by

READY_SECONDS = 120.0
TEND_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class DevRequest:
    """The command line's request."""

    home: Home
    port_base: int | None = None
    emulator: Choice = "auto"


def dev(settings: Settings, request: DevRequest) -> int:
    """Run until SIGINT or SIGTERM; return 0. Raises `SettingsError` if it cannot start."""
    home = request.home
    home.root.mkdir(parents=True, exist_ok=True)
    project = settings.project or os.environ.get("PUBSUB_PROJECT_ID") or DEFAULT_PROJECT
    local = home.settings(settings).model_copy(update={"project": project})
    names = [function.name for function in TOPOLOGY.functions]
    with ExitStack() as stack:
        stop = stack.enter_context(stopped_by_signals())
        stack.enter_context(only_one(home))
        lines = stack.enter_context(home.log.open("a", encoding="utf-8"))
        console = DevConsole(Console(), lines, names)
        log.configure("json", settings.log_level, project, cast(TextIO, OwnLines(console)))
        # The log file is closed by now; releasing the lock is still logged.
        stack.callback(log.configure, level=settings.log_level)
        stack.callback(console.say, "Stopped.")
        stack.enter_context(recorded_by(local, "videomoments"))
        _Dev(local, request, console, stop).run()
    return 0


class _Dev:
    """One run of `dev`, from the first process to the last."""

    def __init__(
        self, settings: Settings, request: DevRequest, console: DevConsole, stop: threading.Event
    ) -> None:
        self._settings = settings
        self._request = request
        self._home = request.home
        self._console = console
        self._stop = stop

    def run(self) -> None:
        shutil.rmtree(self._home.work, ignore_errors=True)
        self._home.work.mkdir()
        with ExitStack() as stack:
            # Closed last: it ends every process that the others left running.
            guard = Guard()
            stack.callback(guard.close)
            self._console.say("Starting PostgreSQL …", "dim")
            engine = stack.enter_context(database(self._settings, self._home))
            if self._stop.is_set():
                return
            topics = stack.enter_context(
                open_topics(
                    self._request.emulator, TOPOLOGY, self._settings, guard, self._console.say
                )
            )
            servers = self._servers(engine, topics, guard)
            stack.callback(self._console.say, "Stopping …", "dim")
            stack.callback(servers.stop)
            self._serve(stack, engine, topics, servers)

    def _servers(self, engine: Engine, topics: Topics, guard: Guard) -> Servers:
        return Servers(
            TOPOLOGY,
            {**self._environment(engine), **topics.environment()},
            on_line=self._console.line,
            notice=self._console.notice,
            guard=guard,
            port_base=self._request.port_base,
            threads=self._settings.workers,
        )

    def _environment(self, engine: Engine) -> dict[str, str]:
        settings = self._settings
        found = {
            "UPLOAD_URL": settings.upload_url,
            "DERIVED_URL": settings.derived_url,
            "FOLDER_ROOT": str(settings.folder_root),
            "PROJECT": settings.project,
            "LOG_FORMAT": "json",
        }
        if settings.database_url is None and settings.cloud_sql_instance is None:
            found["DATABASE_URL"] = engine.url.render_as_string(hide_password=False)
        named = {f"{PREFIX}{name}": value for name, value in found.items() if value is not None}
        # The next start empties this folder, with the leftovers of killed functions.
        return {**named, "TMPDIR": str(self._home.work)}

    def _serve(self, stack: ExitStack, engine: Engine, topics: Topics, servers: Servers) -> None:
        console, stop = self._console, self._stop
        console.say(f"Messages go through {topics.description}.")
        servers.start()
        late = servers.wait_until_ready(
            READY_SECONDS, on_ready=console.address, stopped=stop.is_set
        )
        if stop.is_set():
            return
        for name in late:
            console.notice(name, "The server does not answer yet; messages wait for it.")
        topics.wire(servers.urls)
        context = make_context(
            self._settings,
            TOPOLOGY,
            engine=engine,
            publisher=topics.publisher,
            work_root=self._home.work,
        )
        # Messages of an earlier run are lost; the ledger is not.
        sweep_all(context, at_once=True, dead_owners=dead_owners(engine))
        stack.enter_context(scheduled_sweeps(context))
        stack.enter_context(self._watching(context))
        stack.enter_context(self._found(topics, servers))
        self._greet(topics)
        while not stop.wait(TEND_SECONDS):
            self._tend(context, topics, servers)

    def _tend(self, context: Context, topics: Topics, servers: Servers) -> None:
        servers.tend()
        try:
            if topics.tend():
                topics.wire(servers.urls)
                sweep_all(context, at_once=True)
        except Exception as error:
            self._console.say(f"The topics do not work: {error}", "bold red")
            self._stop.wait(5)

    @contextmanager
    def _watching(self, context: Context) -> Iterator[None]:
        """Announce files that are dropped into the bucket folder."""
        folder = path_of(context.upload_url)
        if folder is None:
            self._console.say(
                f"{context.upload_url} is not a folder: publish its notifications on"
                " video-uploaded."
            )
            yield
            return
        folder.mkdir(parents=True, exist_ok=True)
        watcher = Watcher(
            context.storage,
            context.upload_url,
            folder,
            announce=partial(announce_drop, context),
            is_known=partial(is_registered, context.engine),
        )
        ended = threading.Event()
        thread = threading.Thread(target=watcher.run, args=(ended,), name="watcher", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def _found(self, topics: Topics, servers: Servers) -> Iterator[None]:
        note = self._home.running
        running = Running(
            pid=os.getpid(),
            started_at=this_process_started_at(),
            project=self._settings.project or DEFAULT_PROJECT,
            api=topics.api,
            emulator_host=topics.emulator_host,
            upload_url=self._settings.upload_url or "",
            functions=servers.urls,
        )
        announce(note, running)
        try:
            yield
        finally:
            note.unlink(missing_ok=True)

    def _greet(self, topics: Topics) -> None:
        console, settings = self._console, self._settings
        folder = path_of(settings.upload_url or "")
        console.say(
            f"gcloud: CLOUDSDK_API_ENDPOINT_OVERRIDES_PUBSUB={topics.api}/"
            f" CLOUDSDK_AUTH_DISABLE_CREDENTIALS=true CLOUDSDK_CORE_PROJECT={settings.project}",
            "dim",
        )
        console.say(f"Ready. Copy videos into {folder or settings.upload_url}; Ctrl-C stops.")
