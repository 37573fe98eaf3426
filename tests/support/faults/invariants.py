"""Conditions that hold after every test, read from SQL, the bucket and the process table."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import ValidationError
from sqlalchemy import Connection, text

from functions.upkeep.sweep import sweep_all
from shared.domain.names import temporary_folder
from shared.videos.garbage import collect
from tests.support.faults.forbidden_states import FORBIDDEN
from tests.support.faults.world import FaultWorld
from tests.support.patience import PATIENCE_SECONDS

_MEDIA_COMMAND = re.compile(r"launch\.py|ffmpeg")


@dataclass(slots=True)
class Invariants:
    """`probe` says what is wrong with a derived file, or None; without it files are only found.

    `garbage`: workers died or lost their lease, so garbage is collected first. Processes that are
    ending have `patience_seconds`.
    """

    world: FaultWorld
    probe: Callable[[Path], str | None] | None = None
    garbage: bool = False
    collected: int = 0
    patience_seconds: float = PATIENCE_SECONDS

    def check(self) -> None:
        """Fail with every violation."""
        violations = self.violations()
        assert not violations, "\n".join(violations)

    def violations(self) -> list[str]:
        """The violations, in words, after two sweeps."""
        world = self.world
        world.broker.away = False
        for _ in range(2):
            world.advance(world.context.policy.republish_seconds + 700)
            sweep_all(world.context)
            world.broker.run(1)
        if self.garbage:
            self.collected = len(list(collect(world.context, grace_seconds=0)))
        return [*self._of_rows(), *self._of_objects(), *self._of_processes(), *self._of_folders()]

    def _of_rows(self) -> Iterator[str]:
        ahead = {"ahead_seconds": self.world.context.clock.offset.total_seconds()}
        with self.world.engine.connect() as connection:
            for what, query in FORBIDDEN:
                for row in connection.execute(text(query), ahead).all()[:5]:
                    yield f"{what}: {tuple(row)}"
            yield from self._not_taken_up(connection)
        if self.world.broker.waiting:
            yield f"messages nobody acknowledged: {self.world.broker.waiting}"

    def _not_taken_up(self, connection: Connection) -> Iterator[str]:
        """Every message that a stage published has a stage run of each of its consumers."""
        rows = connection.execute(
            text("SELECT DISTINCT stage, message ->> 'pipeline' || ' ' || subject FROM stage_runs")
        ).all()
        known = {tuple(row) for row in rows}
        pipelines = connection.execute(
            text("SELECT identifier, pipeline_type FROM pipeline_history")
        ).all()
        types = {row.identifier: row.pipeline_type for row in pipelines}
        topology = self.world.context.topology
        for topic, body in self.world.broker.published:
            try:
                message = topology.messages[topic].model_validate_json(body)
            except ValidationError:
                continue
            pipeline = getattr(message, "pipeline", None)
            if pipeline not in types:
                continue
            for stage in topology.consumers(type(message), types[pipeline]):
                if (stage.name, f"{pipeline} {message.subject}") not in known:
                    yield f"lost: {topic} of {message.subject} has no run of {stage.name}"

    def _of_objects(self) -> Iterator[str]:
        world = self.world
        with world.engine.connect() as connection:
            named = set(
                connection.execute(
                    text("SELECT cloud_url FROM clips UNION SELECT cloud_url FROM thumbnails")
                ).scalars()
            )
        there = world.objects()
        for url in sorted(named - there)[:5]:
            yield f"a row names what is not there: {url}"
        for url in sorted(there - named - self._kept_for_retries(there))[:5]:
            yield f"no row names {url}"
        for url in sorted(named & there):
            path = world.files.local_path(url)
            wrong = self.probe(path) if self.probe and path else None
            if wrong:
                yield f"{url}: {wrong}"

    def _kept_for_retries(self, there: set[str]) -> set[str]:
        """A failed run keeps its slices for a while, for its retry."""
        failed = [run.identifier for run in self.world.pipelines() if run.status == "failed"]
        root = self.world.context.derived_url
        folders = tuple(temporary_folder(root, pipeline) for pipeline in failed)
        return {url for url in there if url.startswith(folders)}

    def _of_processes(self) -> Iterator[str]:
        deadline = time.monotonic() + self.patience_seconds
        while (left := self._media_processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield from (f"a process is left: {process}" for process in left)

    def _media_processes(self) -> list[str]:
        """Media children: ours, those of dead workers, and our zombies.

        A worker's child is known by its environment, which names the worker's folder.
        """
        ours = {process.pid for process in psutil.Process().children(recursive=True)}
        work, found = str(self.world.folder), []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if process.status() == psutil.STATUS_ZOMBIE:
                    found += [f"zombie {process.name()}"] if process.pid in ours else []
                    continue
                command = " ".join(process.cmdline())
                if (process.pid in ours and _MEDIA_COMMAND.search(command)) or (
                    process.environ().get("TMPDIR", "").startswith(work)
                ):
                    found.append(command)
        return found

    def _of_folders(self) -> Iterator[str]:
        folders = [self.world.folder / "work", self.world.folder / "buckets" / ".incoming"]
        for path in (path for folder in folders for path in folder.rglob("*")):
            # The folders of the workers themselves are no attempt's.
            if not path.is_dir() or path.name.startswith("videomoments-"):
                yield f"a temporary file is left: {path.relative_to(self.world.folder)}"
