"""The real functions on real PostgreSQL and a folder of buckets, behind the broker of chaos."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select, text

from cli.local.cloud import wire_topics
from functions.main import TOPOLOGY
from functions.upkeep.sweep import sweep_all
from shared.db.engine import make_engine
from shared.db.models import Base, PipelineHistory, Run, StageRun
from shared.engines.speech.protocol import SpeechEngine
from shared.messages.base import Message
from shared.messages.upkeep import SweepRequested
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import Delivery, Outcome
from shared.messaging.outgoing import outgoing
from shared.pipeline.context import Context
from shared.pipeline.ledger.run_state import lock_run, reopen
from shared.pipeline.runtime import Runtime
from shared.pipeline.upkeep.sweep import SweepReport
from shared.settings.settings import Settings
from shared.storage.folder.store import FolderStorage
from shared.storage.protocol import ObjectStat, Storage
from tests.support.faults.chaos import CALM, Chaos, ChaosBroker
from tests.support.faults.fake_media import FakeMedia, FakeSpeech

# Much quicker than TRUNCATE, which makes every file of every table anew.
EMPTY = "; ".join(f"DELETE FROM {table}" for table in reversed(Base.metadata.sorted_tables))


class FaultWorld:
    """One deployment in one process. `media` defines its sources and their faults.

    Time is the database's; `advance` moves it.
    """

    def __init__(
        self,
        database_url: str,
        folder: Path,
        *,
        chaos: Chaos = CALM,
        seed: int = 0,
        engine: Engine | None = None,
        storage: Storage | None = None,
        speech: Callable[[], SpeechEngine] | None = None,
        pool_size: int = 10,
        backoff_seconds: float = 0.0,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.seed = seed
        self.media = FakeMedia()
        self.engine = engine or make_engine(database_url, pool_size=pool_size)
        self.files = FolderStorage(folder / "buckets")
        self.broker = ChaosBroker(chaos, seed, backoff_seconds=backoff_seconds)
        root = f"file://{(folder / 'buckets').resolve()}"
        self.context = Context(
            engine=self.engine,
            storage=storage or self.files,
            publisher=self.broker,
            topology=TOPOLOGY,
            settings=Settings(**{"min_moments": 1, "max_moments": 3, **settings}),
            speech=speech or (lambda: FakeSpeech(self.media)),
            upload_url=f"{root}/uploads",
            derived_url=f"{root}/derived",
            work_root=folder / "work",
        )
        self.runtime = Runtime(self.context)
        wire_topics(self.broker, TOPOLOGY, self.context.settings, self.runtime)  # type: ignore[arg-type]
        self._numbers = itertools.count(1)

    def put(self, name: str, content: str | Path = "version 1\n") -> ObjectStat:
        """Upload a source object, new or overwritten."""
        path = content if isinstance(content, Path) else self.folder / "source.tmp"
        if isinstance(content, str):
            path.write_text(content)
        return self.files.upload(path, f"{self.context.upload_url}/{name}")

    def drop(self, name: str | None = None, content: str | Path = "version 1\n") -> str:
        """Upload a source object with its event. Returns its URL."""
        stat = self.put(name or f"talk-{next(self._numbers)}.mp4", content)
        self.say(VideoUploaded(source_url=stat.url, generation=stat.generation))
        return stat.url

    def say(self, message: Message) -> None:
        """Publish, and again if the broker refuses, like a person who drops a file again."""
        while True:
            try:
                self.broker.publish([outgoing(message)])
            except Exception:
                if self.broker.away:
                    raise
                continue
            return

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.context.clock.offset += timedelta(seconds=seconds)

    def expire_leases(self) -> None:
        """Let so much time pass that every lease expires, even of live workers."""
        self.advance(self.context.policy.lease_seconds + 1)

    def sweep(self) -> SweepReport:
        """One sweep. Messages that it cannot publish are due at the next one."""
        return sweep_all(self.context)

    def sweep_late(self) -> None:
        """The scheduler's sweep, after all leases and backoffs."""
        self.advance(self.context.policy.republish_seconds + 700)
        self.say(SweepRequested())

    def settle(self, *, workers: int = 8, sweeps: int = 20) -> int:
        """Deliver and sweep until every run has ended. Returns the number of sweeps."""
        self.broker.run(workers)
        for number in range(sweeps):
            if not self.unfinished():
                return number
            self.sweep_late()
            self.broker.run(workers)
        assert not self.unfinished(), f"pipelines still running after {sweeps} sweeps"
        return sweeps

    def unfinished(self) -> int:
        """The number of running runs."""
        with self.engine.connect() as connection:
            rows = select(func.count()).where(PipelineHistory.status == "running")
            return int(connection.execute(rows).scalar_one())

    def deliver(self, function: str, message: Message, **attributes: str) -> Outcome:
        """One delivery without the broker."""
        return self.runtime.handle(TOPOLOGY[function], Delivery(message, attributes))

    def pipelines(self) -> list[PipelineHistory]:
        """All runs, oldest first."""
        with self.context.session() as session:
            rows = select(PipelineHistory).order_by(PipelineHistory.id)
            return list(session.execute(rows).scalars())

    def runs(self, stage: str | None = None) -> list[StageRun]:
        """All stage runs, or those of one stage, oldest first."""
        rows = select(StageRun).order_by(StageRun.id)
        if stage is not None:
            rows = rows.where(StageRun.stage == stage)
        with self.context.session() as session:
            return list(session.execute(rows).scalars())

    def retry(self, pipeline_id: int) -> int:
        """Requeue failures. Returns their number; the sweep publishes them."""
        with self.context.session() as session, session.begin():
            run_id = session.execute(
                select(Run.id).where(Run.pipeline_history_id == pipeline_id)
            ).scalar_one()
            locked = lock_run(session, run_id)
            assert locked is not None
            return reopen(session, locked, self.context.clock)

    def objects(self, bucket_url: str | None = None) -> set[str]:
        """The URLs of all derived objects."""
        prefix = f"{bucket_url or self.context.derived_url}/"
        return {stat.url for stat in self.files.list(prefix)}

    def read(self, url: str) -> str:
        """The first line of an object."""
        path = self.files.local_path(url)
        assert path is not None, url
        return path.read_text().splitlines()[0]

    def clear(self) -> None:
        """Remove everything: rows, objects, messages and counts."""
        with self.engine.begin() as connection:
            connection.execute(text(f"DO $$ BEGIN {EMPTY}; END $$"))
        for bucket in (self.context.upload_url, self.context.derived_url):
            for url in self.objects(bucket):
                self.files.delete(url)
        self.broker.lose_everything()
        for counter in (self.broker.published, self.broker.faults, self.broker.outcomes):
            counter.clear()

    def close(self) -> None:
        """Close the connections; none may be in use."""
        assert self.engine.pool.status().endswith("Current Checked out connections: 0")
        self.engine.dispose()
        self.files.close()
