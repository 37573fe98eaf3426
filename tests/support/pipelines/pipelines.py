"""A small pipeline on the real runtime, database and folder store, with a hook at every step.

begin → split → hear (fan-out, fan-in) → choose → cut (optional; a file and a row) → picture
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from shared.db.engine import make_engine
from shared.db.models import PipelineHistory, Run, StageRun, Video
from shared.engines.speech.protocol import SpeechEngine
from shared.errors import PublishFailed
from shared.messages.base import Message, PipelineMessage
from shared.messages.options import Options
from shared.messaging.delivery import Delivery, Outcome
from shared.messaging.protocol import Outgoing
from shared.moments.generation_config import ensure_config
from shared.pipeline.context import Context
from shared.pipeline.ledger.claim import Claim, claim, queue
from shared.pipeline.ledger.run_state import lock_run, reopen
from shared.pipeline.runtime import Runtime
from shared.pipeline.topology import Topology
from shared.settings.settings import Settings
from shared.storage.folder.store import FolderStorage
from shared.videos.history import open_video_run
from tests.support.pipelines.plan import Plan
from tests.support.pipelines.stages import make_stages, probed


def _no_speech() -> SpeechEngine:
    raise AssertionError("nothing is heard here")


class Recorder:
    """A publisher that keeps its messages, and refuses while `refusing`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sent: list[Outgoing] = []
        self.refusing = 0

    def publish(self, messages: Sequence[Outgoing]) -> None:
        with self._lock:
            if self.refusing:
                self.refusing -= 1
                raise PublishFailed("the broker is away")
            self._sent.extend(messages)

    def take(self) -> list[Outgoing]:
        """The messages published since the last call."""
        with self._lock:
            taken, self._sent = self._sent, []
        return taken


class World:
    """Everything a runtime needs; `plan` defines its stages' work."""

    def __init__(
        self, database_url: str, folder: Path, *, pool_size: int = 5, **settings: Any
    ) -> None:
        self.engine = make_engine(database_url, pool_size=pool_size)
        self.storage = FolderStorage(folder / "buckets")
        self.publisher = Recorder()
        self.plan = Plan()
        root = f"file://{folder / 'buckets'}"
        self.context = Context(
            engine=self.engine,
            storage=self.storage,
            publisher=self.publisher,
            topology=Topology(make_stages(self.plan)),
            settings=Settings(**settings),
            speech=_no_speech,
            upload_url=f"{root}/uploads",
            derived_url=f"{root}/derived",
            work_root=folder / "work",
        )
        self.runtime = Runtime(self.context)
        self._numbers = itertools.count(1)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.context.clock.offset += timedelta(seconds=seconds)

    def begin(self, pipeline_type: str = "full") -> str:
        """A running run over a new video, with `split` queued. Returns its identifier."""
        name = f"video-{next(self._numbers)}"
        context = self.context
        with context.session() as session, session.begin():
            config = ensure_config(session, context.settings.resolve(Options()))
            video = Video(identifier=name, cloud_url=f"{context.upload_url}/{name}.mp4")
            session.add(video)
            session.flush()
            run = open_video_run(
                session,
                identifier=f"pipeline:{name}",
                video_id=video.id,
                generation_config_id=config.id,
                pipeline_type=pipeline_type,
                clock=context.clock,
            )
            split, message = context.topology.stage("split"), probed(f"pipeline:{name}")
            queue(session, run.id, split, message, parent_id=None, clock=context.clock)
        return f"pipeline:{name}"

    def deliver(self, name: str, message: Message, **attributes: str) -> Outcome:
        """One delivery of the message to that function."""
        return self.runtime.handle(self.context.topology[name], Delivery(message, attributes))

    def receive(self, sent: Outgoing) -> list[Outcome]:
        """Deliver a published message once to each of its consumers."""
        message = self.context.topology.messages[sent.topic].model_validate_json(sent.body)
        return [
            self.deliver(subscription.function, message, **sent.attributes)
            for subscription in self.context.topology.subscriptions
            if subscription.topic == sent.topic
        ]

    def run(self, pipeline: str) -> list[Outcome]:
        """Deliver the first message, then all that follow, each once."""
        return [self.deliver("split", probed(pipeline)), *self.drain()]

    def drain(self) -> list[Outcome]:
        """Deliver published messages and all that follow from them, each once."""
        outcomes: list[Outcome] = []
        while sent := self.publisher.take():
            outcomes += [outcome for message in sent for outcome in self.receive(message)]
        return outcomes

    def retry(self, pipeline: str) -> int:
        """Requeue failures. Returns their number."""
        row = self.run_of(pipeline)
        with self.context.session() as session, session.begin():
            locked = lock_run(session, row.id)
            assert locked is not None
            return reopen(session, locked, self.context.clock)

    def take_lease(self, name: str, message: Message, owner: str = "another") -> Claim:
        """Claim the stage run like a worker that then does nothing."""
        assert isinstance(message, PipelineMessage)
        context = self.context
        with context.session() as session, session.begin():
            taken = claim(
                session,
                context.topology.stage(name),
                message,
                message.pipeline,
                owner=owner,
                policy=context.policy,
                clock=context.clock,
            )
        assert isinstance(taken, Claim)
        return taken

    def history(self, pipeline: str) -> PipelineHistory:
        """The run's row in pipeline_history now."""
        with self.context.session() as session:
            return session.execute(
                select(PipelineHistory).where(PipelineHistory.identifier == pipeline)
            ).scalar_one()

    def run_of(self, pipeline: str) -> Run:
        """The run as it is now."""
        with self.context.session() as session:
            return session.execute(select(Run).where(Run.identifier == pipeline)).scalar_one()

    def runs(self, pipeline: str, stage: str | None = None) -> list[StageRun]:
        """Its stage runs, oldest first."""
        rows = select(StageRun).join(Run).where(Run.identifier == pipeline)
        if stage is not None:
            rows = rows.where(StageRun.stage == stage)
        with self.context.session() as session:
            return list(session.execute(rows.order_by(StageRun.id)).scalars())

    def runs_of_all(self) -> list[StageRun]:
        """All stage runs, oldest first."""
        with self.context.session() as session:
            return list(session.execute(select(StageRun).order_by(StageRun.id)).scalars())

    def objects(self) -> set[str]:
        """The URLs of all stored objects."""
        return {stat.url for stat in self.storage.list(f"{self.context.derived_url}/")}

    def statuses(self, pipeline: str, stage: str) -> list[str]:
        """The statuses of that stage's runs."""
        return [run.status for run in self.runs(pipeline, stage)]

    def close(self) -> None:
        """Close the connections; none may be in use."""
        assert self.engine.pool.status().endswith("Current Checked out connections: 0")
        self.engine.dispose()


def in_threads(*works: Callable[[], Any]) -> list[Any]:
    """The results of all calls, started together. Raises an error of one of them."""
    with ThreadPoolExecutor(len(works)) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]
