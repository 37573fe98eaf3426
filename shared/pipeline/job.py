"""The job: everything a stage may use while it handles one message."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from shared.db.text import without_unstorable
from shared.errors import LeaseLost
from shared.pipeline.context import Context
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.ledger.claim import Claim, RunIdentity
from shared.pipeline.ledger.finish import AfterCommit, Completion, begin_finish, complete
from shared.pipeline.stage import Stage
from shared.settings.settings import Settings
from shared.storage.protocol import ObjectStat, Storage


class Job:
    """One attempt at one stage run. The ledger keeps `metrics` (bytes, media seconds, …).

    `recorded` are the metrics as stored, once the attempt has finished. `notes` are for users and
    stored with the metrics.
    """

    def __init__(
        self, context: Context, stage: Stage, claim: Claim, heartbeat: Heartbeat, workdir: Path
    ) -> None:
        self.context = context
        self.stage = stage
        self.claim = claim
        self.workdir = workdir
        self.metrics: dict[str, float] = {"queued_seconds": round(claim.queued_seconds, 3)}
        self.recorded: dict[str, float] = {}
        self.notes: list[str] = []
        self.ended: AfterCommit | None = None
        self.commit_began = False
        self.skipped: str | None = None
        self._heartbeat = heartbeat
        self._finishing: Session | None = None
        self._began = time.monotonic()
        self._stored: list[str] = []
        self._replaced: list[str] = []

    @property
    def settings(self) -> Settings:
        """The deployment's settings."""
        return self.context.settings

    @property
    def storage(self) -> Storage:
        """The object stores."""
        return self.context.storage

    @property
    def run(self) -> RunIdentity:
        """The run that this stage run belongs to."""
        return self.claim.run

    @cached_property
    def attempt_name(self) -> str:
        """A name unique to this attempt, so that its objects are its own."""
        return f"{self.claim.attempt:02d}-{self.claim.token.hex[:10]}"

    @property
    def remaining_seconds(self) -> float:
        """Until the stage's time limit; at least one second. Raises `LeaseLost` if overtaken."""
        if self._heartbeat.lost.is_set():
            raise LeaseLost("another worker took this stage run over")
        limit = self.stage.resources.timeout_seconds
        return max(1.0, limit - (time.monotonic() - self._began))

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A short read. Do no work inside.

        Within `finish` it reads in that transaction: waiting for a second connection while holding
        a lock could deadlock.
        """
        if self._finishing is not None:
            yield self._finishing
            return
        with self.context.session() as session:
            yield session

    def store(self, path: Path, url: str, *, content_type: str) -> ObjectStat:
        """Upload an object; it is deleted if this attempt does not finish."""
        self._stored.append(url)
        stat = self.storage.upload(path, url, content_type=content_type)
        self.add_metric("bytes_written", stat.size_bytes)
        return stat

    def add_metric(self, name: str, amount: float) -> None:
        """Add to a figure of this run."""
        self.metrics[name] = self.metrics.get(name, 0) + amount

    def note(self, text: str) -> None:
        """Record a note for users, e.g. that subtitles were ignored and why."""
        self.notes.append(without_unstorable(text))

    def take_back(self) -> None:
        """Delete the objects that this attempt stored: nothing refers to them."""
        while self._stored:
            self.storage.delete(self._stored.pop())

    def replace(self, url: str) -> None:
        """Delete that object once this attempt has finished, because no row names it any more."""
        self._replaced.append(url)

    def drop_replaced(self) -> None:
        """Delete the replaced objects. Idempotent."""
        while self._replaced:
            self.storage.delete(self._replaced.pop())

    @contextmanager
    def finish(self, *, skipped: str | None = None) -> Iterator[Completion]:
        """The end of the stage: one short fenced transaction, committed when the block ends.

        `skipped`: the reason why the stage had nothing to do. Raises `LeaseLost`.
        """
        context = self.context
        with context.session() as session, session.begin():
            done = begin_finish(session, self.stage, self.claim, context.topology)
            self._finishing = session
            try:
                yield done
            finally:
                self._finishing = None
            figures = self.figures()
            ended = complete(
                done, clock=context.clock, metrics=self._account(figures), skipped=skipped
            )
            session.flush()
            # If the commit raises, only the database knows whether it took place.
            self.commit_began = True
        self._stored.clear()
        self.recorded = figures
        self.ended = ended
        self.skipped = skipped

    def _account(self, figures: dict[str, float]) -> dict[str, Any]:
        return {**figures, "notes": self.notes} if self.notes else figures

    def figures(self) -> dict[str, float]:
        """The metrics, with the seconds spent."""
        return {**self.metrics, "seconds": round(time.monotonic() - self._began, 3)}
