"""Messages through the runtime on real PostgreSQL: ours, the two transactions by hand, the ratio.

    python -m tools.bench.throughput

The stage does nothing, so the benchmark measures the claim, the heartbeat's thread, the fenced
finish with its fan-in, and the delivery around them. The baseline sends the statements that a
claim and a finish need, over plain pg8000 connections: the run looked up, the stage run locked and
taken, commit; the run and the stage run locked, the stage run closed, the unfinished counted, the
run's end written, commit. Both take turns, with as many threads, on pipelines of
four runs each. Uses VIDEOMOMENTS_DATABASE_URL, which must be empty, or an embedded server.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Engine, inspect, text

from cli.local.postgres.embedded import EmbeddedPostgres
from shared.db import migrate
from shared.db.engine import make_engine
from shared.messages.moments import MomentFound
from shared.messaging.delivery import Delivery, Outcome
from shared.messaging.protocol import Outgoing
from shared.pipeline.context import Context
from shared.pipeline.job import Job
from shared.pipeline.runtime import Runtime
from shared.pipeline.stage import stage
from shared.pipeline.topology import Topology
from shared.settings.settings import Settings
from shared.storage.folder.store import FolderStorage

ROUNDS = 3
PIPELINES = 150
RUNS_EACH = 4
WORKERS = 4

PIPELINES_OF_VIDEOS = f"""
WITH a AS (INSERT INTO prompts (user_prompt, system_prompt, prompt_hash)
           VALUES ('', '', :name) RETURNING id),
b AS (INSERT INTO generation_configs (prompt_id, model, operation_type, config_hash)
      SELECT id, 'm', 'generation', :name FROM a RETURNING id),
c AS (INSERT INTO videos (identifier, cloud_url)
      SELECT :name || '-' || n, 'file:///' || n FROM generate_series(1, {PIPELINES}) AS n
      RETURNING id, identifier)
INSERT INTO pipeline_history (identifier, video_id, generation_config_id, pipeline_type, status,
                              started_at)
SELECT 'pipeline:' || c.identifier, c.id, b.id, 'clips_only', 'running', now() FROM b, c
"""
QUEUE = f"""
INSERT INTO stage_runs (run_id, stage, subject, topic, message, status)
SELECT r.id, 'note_moment', 'moment-' || n, 'moment-found',
       jsonb_build_object('pipeline', r.identifier, 'video', 'v', 'moment', 'moment-' || n),
       'queued'
FROM runs r, generate_series(1, {RUNS_EACH}) AS n
WHERE r.identifier LIKE 'pipeline:' || :name || '-%' ORDER BY n, r.id
RETURNING message ->> 'pipeline' AS pipeline, subject
"""
CLAIM = (
    "SELECT id FROM runs WHERE identifier = %s",
    "SELECT id, status, attempt FROM stage_runs WHERE run_id = %s AND stage = 'note_moment' "
    "AND subject = %s FOR UPDATE",
    "UPDATE stage_runs SET status = 'running', attempt = attempt + 1, "
    "lease_token = gen_random_uuid(), lease_expires_at = clock_timestamp() + interval '90 s' "
    "WHERE id = %s RETURNING lease_token",
)
FINISH = (
    "SELECT id FROM lock_run(%s)",
    "SELECT id FROM stage_runs WHERE id = %s AND lease_token = %s FOR UPDATE",
    "UPDATE stage_runs SET status = 'completed', lease_token = NULL, lease_expires_at = NULL, "
    "completed_at = clock_timestamp() WHERE id = %s",
    "SELECT count(*) FROM stage_runs WHERE run_id = %s AND status IN ('queued', 'running')",
    "UPDATE runs SET status = 'completed', completed_at = clock_timestamp() WHERE id = %s",
)

Message = tuple[str, str]


@stage(does="working", consumes=[MomentFound], required=False, pipeline_types=["clips_only"])
def note_moment(message: MomentFound, job: Job) -> None:  # noqa: ARG001
    """Finish at once."""
    with job.finish():
        pass


@dataclass
class Measured:
    """All rounds: seconds of each message, and messages per second of each round."""

    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def line(self) -> str:
        """The median rate, and the spread of single messages."""
        cuts = statistics.quantiles(self.seconds, n=100)
        return (
            f"{statistics.median(self.rates):8.1f} messages/s, "
            f"p50 {cuts[49] * 1000:.1f} ms, p95 {cuts[94] * 1000:.1f} ms"
        )


class _Nobody:
    """A publisher: the stage emits nothing."""

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish nothing."""


def main() -> None:
    """Print messages per second, p50 and p95: ours, the baseline, and the ratio."""
    # Logging is not measured.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    ours, baseline = Measured(), Measured()
    with _engine() as engine, tempfile.TemporaryDirectory() as folder:
        handle = _runtime(engine, Path(folder))
        names = itertools.count(1)
        for _ in range(ROUNDS):
            _measure(ours, _queue(engine, f"ours-{next(names)}"), handle)
            _measure(baseline, _queue(engine, f"bare-{next(names)}"), _by_hand(engine))
        with engine.connect() as connection:
            ended = connection.execute(
                text("SELECT count(*) FROM pipeline_history WHERE status = 'completed'")
            ).scalar_one()
    assert ended == 2 * ROUNDS * PIPELINES, "some pipelines did not end"
    print(f"{ROUNDS} rounds of {PIPELINES * RUNS_EACH} messages, {WORKERS} workers")
    print(f"ours      {ours.line()}")
    print(f"baseline  {baseline.line()}  (the same two transactions by hand)")
    print(f"ratio     {statistics.median(ours.rates) / statistics.median(baseline.rates):8.3f}")


@contextlib.contextmanager
def _engine() -> Iterator[Engine]:
    with contextlib.ExitStack() as stack:
        url = os.environ.get("VIDEOMOMENTS_DATABASE_URL")
        if url is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            folder.chmod(0o755)  # If root runs this, another account owns the server.
            url = stack.enter_context(EmbeddedPostgres(folder)).url()
        engine = make_engine(url, pool_size=WORKERS + 1)
        stack.callback(engine.dispose)
        if inspect(engine).get_table_names():
            raise SystemExit("VIDEOMOMENTS_DATABASE_URL: that database is not empty.")
        migrate.upgrade(engine)
        yield engine


def _queue(engine: Engine, name: str) -> list[Message]:
    """Insert runs with queued stage runs; the stage runs of one run are far apart."""
    with engine.begin() as connection:
        connection.execute(text(PIPELINES_OF_VIDEOS), {"name": name})
        rows = connection.execute(text(QUEUE), {"name": name}).all()
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("VACUUM ANALYZE stage_runs, runs, pipeline_history"))
    return [(row.pipeline, row.subject) for row in rows]


def _runtime(engine: Engine, folder: Path) -> Callable[[Message], None]:
    def no_speech() -> Any:
        raise AssertionError("nothing is heard here")

    context = Context(
        engine=engine,
        storage=FolderStorage(folder),
        publisher=_Nobody(),
        topology=Topology([note_moment]),
        settings=Settings(),
        speech=no_speech,
        upload_url=f"file://{folder}/uploads",
        derived_url=f"file://{folder}/derived",
        work_root=folder / "work",
    )
    runtime = Runtime(context)

    def handle(message: Message) -> None:
        pipeline, moment = message
        found = MomentFound(pipeline=pipeline, video="v", moment=moment)
        assert runtime.handle(note_moment, Delivery(found, {})) is Outcome.DONE

    return handle


def _by_hand(engine: Engine) -> Callable[[Message], None]:
    """Each thread has its own plain connection."""
    local = threading.local()

    def handle(message: Message) -> None:
        if not hasattr(local, "connection"):
            local.connection = engine.raw_connection()
        cursor = local.connection.cursor()
        run, stage_run, token = _claim(cursor, message)
        local.connection.commit()
        _finish(cursor, run, stage_run, token)
        local.connection.commit()

    return handle


def _claim(cursor: Any, message: Message) -> tuple[int, int, Any]:
    name, subject = message
    cursor.execute(CLAIM[0], (name,))
    (run,) = cursor.fetchone()
    cursor.execute(CLAIM[1], (run, subject))
    stage_run = cursor.fetchone()[0]
    cursor.execute(CLAIM[2], (stage_run,))
    return run, stage_run, cursor.fetchone()[0]


def _finish(cursor: Any, run: int, stage_run: int, token: Any) -> None:
    cursor.execute(FINISH[0], (run,))
    cursor.execute(FINISH[1], (stage_run, token))
    assert cursor.fetchone() is not None
    cursor.execute(FINISH[2], (stage_run,))
    cursor.execute(FINISH[3], (run,))
    if cursor.fetchone()[0] == 0:
        cursor.execute(FINISH[4], (run,))


def _measure(
    measured: Measured, messages: list[Message], handle: Callable[[Message], None]
) -> None:
    def timed(message: Message) -> float:
        began = time.perf_counter()
        handle(message)
        return time.perf_counter() - began

    began = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        measured.seconds += list(pool.map(timed, messages))
    measured.rates.append(len(messages) / (time.perf_counter() - began))


if __name__ == "__main__":
    main()
