"""What must be true after every test, read from SQL, the bucket and the process table.

Written apart from the runtime, so that a mistake there is not made here again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydantic import ValidationError
from sqlalchemy import Connection, text

from shared.pipeline.collecting import collect
from shared.pipeline.sweeping import sweep
from tests.faults.world import FaultWorld

# Each finds rows that must not be: (what is wrong, query).
FORBIDDEN = (
    (
        "lost: a pipeline never ended",
        "SELECT identifier, status FROM pipeline_history WHERE status NOT IN "
        "('completed', 'partial', 'failed', 'superseded', 'source_gone') OR completed_at IS NULL",
    ),
    (
        "wrong status",
        """
        SELECT identifier, status, should FROM (
            SELECT p.identifier, p.status, CASE
                WHEN bool_or(r.status = 'failed' AND r.error_code = 'superseded') THEN 'superseded'
                WHEN bool_or(r.status = 'failed' AND r.error_code = 'source_gone')
                    THEN 'source_gone'
                WHEN bool_or(r.status = 'failed'
                             AND r.stage NOT IN ('cut_clip', 'make_thumbnail',
                                                 'refine_moments', 'score_moments'))
                    THEN 'failed'
                WHEN bool_or(r.status = 'failed') THEN 'partial'
                ELSE 'completed' END AS should
            FROM pipeline_history p JOIN stage_runs r ON r.pipeline_id = p.id
            WHERE p.status <> 'running' GROUP BY p.id) AS judged WHERE status <> should
        """,
    ),
    (
        "an end without its reason, or a reason without need",
        "SELECT identifier, status, error_stage FROM pipeline_history "
        "WHERE (status = 'completed') <> (error_stage IS NULL) "
        "OR (error_stage IS NULL) <> (error_message IS NULL)",
    ),
    (
        "a message not handled",
        "SELECT r.stage, r.subject, r.status FROM stage_runs r "
        "WHERE r.status IN ('queued', 'running')",
    ),
    (
        "an expired lease",
        "SELECT stage, subject FROM stage_runs WHERE lease_expires_at < clock_timestamp()",
    ),
    (
        "a failure without its reason",
        "SELECT stage, subject FROM stage_runs "
        "WHERE status IN ('failed', 'skipped') AND (error_code IS NULL OR error_message IS NULL)",
    ),
    (
        "a deletion that was never finished",
        "SELECT video, source_url FROM deletions WHERE completed_at IS NULL",
    ),
    (
        "completed, but its moments are not all cut",
        """
        SELECT p.identifier, m.identifier FROM pipeline_history p
        JOIN moments m ON m.video_id = p.video_id
            AND m.generation_config_id = p.generation_config_id AND m.parent_id IS NULL
        LEFT JOIN clips c ON c.moment_id = m.id
        WHERE p.status = 'completed' AND p.pipeline_type <> 'moments_only' AND c.id IS NULL
        """,
    ),
    (
        "a completed clip without its thumbnail",
        """
        SELECT c.cloud_url FROM clips c JOIN pipeline_history p ON p.video_id = c.video_id
        LEFT JOIN thumbnails t ON t.clip_id = c.id
        GROUP BY c.id HAVING bool_and(p.status = 'completed') AND count(t.id) = 0
        """,
    ),
    (
        "miscounted clips",
        """
        SELECT p.identifier, p.total_clips_created, count(r.id) FROM pipeline_history p
        LEFT JOIN stage_runs r ON r.pipeline_id = p.id AND r.stage = 'cut_clip'
            AND r.status = 'completed'
        GROUP BY p.id HAVING coalesce(p.total_clips_created, 0) <> count(r.id)
        """,
    ),
    (
        "doubled: more than one row of a moment",
        "SELECT video_id, generation_config_id, start_time, count(*) FROM moments "
        "WHERE parent_id IS NULL GROUP BY 1, 2, 3 HAVING count(*) > 1",
    ),
    (
        "doubled: more than one clip of a moment",
        "SELECT moment_id, count(*) FROM clips GROUP BY 1 HAVING count(*) > 1",
    ),
    (
        "doubled: more than one thumbnail of a clip or video",
        "SELECT clip_id, video_id, count(*) FROM thumbnails GROUP BY 1, 2 HAVING count(*) > 1",
    ),
    (
        "doubled: one object named by two rows",
        "SELECT cloud_url, count(*) FROM (SELECT cloud_url FROM clips UNION ALL "
        "SELECT cloud_url FROM thumbnails) AS named GROUP BY 1 HAVING count(*) > 1",
    ),
)


@dataclass(slots=True)
class Invariants:
    """`probe` says what is wrong with a derived file, or None; without it files are only found.

    `garbage`: workers died or lost their lease, so that garbage is to be collected first.
    """

    world: FaultWorld
    probe: Callable[[Path], str | None] | None = None
    garbage: bool = False
    collected: int = 0

    def check(self) -> None:
        """Fail with everything that is not as it must be."""
        violations = self.violations()
        assert not violations, "\n".join(violations)

    def violations(self) -> list[str]:
        """What is wrong, in words; two sweeps are made first."""
        world = self.world
        world.broker.away = False
        for _ in range(2):
            world.advance(world.context.policy.republish_seconds + 700)
            sweep(world.context)
            world.broker.run(1)
        if self.garbage:
            self.collected = len(list(collect(world.context, grace_seconds=0)))
        return [*self._of_rows(), *self._of_objects(), *self._of_processes(), *self._of_folders()]

    def _of_rows(self) -> Iterator[str]:
        with self.world.engine.connect() as connection:
            for what, query in FORBIDDEN:
                for row in connection.execute(text(query)).all()[:5]:
                    yield f"{what}: {tuple(row)}"
            yield from self._not_taken_up(connection)
        if self.world.broker.waiting:
            yield f"messages nobody acknowledged: {self.world.broker.waiting}"

    def _not_taken_up(self, connection: Connection) -> Iterator[str]:
        """Every message a stage published has a run of each of its consumers in the ledger."""
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
        kept = {url for url in there if "/temporary/" in url} if self._may_be_retried() else set()
        for url in sorted(there - named - kept)[:5]:
            yield f"no row names {url}"
        for url in sorted(named & there):
            path = world.files.local_path(url)
            wrong = self.probe(path) if self.probe and path else None
            if wrong:
                yield f"{url}: {wrong}"

    def _may_be_retried(self) -> bool:
        """A failed run keeps its slices for a while, for its retry."""
        return any(pipeline.status == "failed" for pipeline in self.world.pipelines())

    def _of_processes(self) -> Iterator[str]:
        deadline = time.monotonic() + 5
        while (left := _media_processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield from (f"a process is left: {process}" for process in left)

    def _of_folders(self) -> Iterator[str]:
        folders = [self.world.folder / "work", self.world.folder / "buckets" / ".incoming"]
        for folder in folders:
            for path in folder.rglob("*") if folder.exists() else ():
                if path.is_dir() and not path.name.startswith("videomoments-"):
                    continue
                yield f"a temporary file is left: {path.relative_to(self.world.folder)}"


def _media_processes() -> list[str]:
    """Our descendants that decode media, and those that nobody has reaped."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            command = " ".join(process.cmdline())
            if process.status() == psutil.STATUS_ZOMBIE:
                found.append(f"zombie {process.name()}")
            elif "launch.py" in command or "ffmpeg" in command:
                found.append(command)
        except psutil.NoSuchProcess:
            continue
    return found
