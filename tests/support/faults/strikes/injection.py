"""Signals that a worker process sends itself at a chosen point of a chosen function."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from shared.pipeline import job as jobs
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.ledger import finish as finishing
from shared.storage import local_file as saving
from shared.storage.folder import writer as folder_writing
from shared.storage.folder.reader import FolderReader
from shared.storage.folder.store import FolderStorage
from shared.storage.protocol import ObjectStat
from tests.support.faults.strikes.children import watch_children

AFTER_CLAIM = "after claim"
DURING_DOWNLOAD = "during download"
DURING_UPLOAD = "during upload"
AFTER_UPLOAD = "after upload"
BEFORE_COMMIT = "before commit"
AFTER_COMMIT = "after commit"
# Those that finish no stage: of the admission, the claim, a failure, the clean-up.
BEFORE_OTHER_COMMIT = "before another commit"
AFTER_OTHER_COMMIT = "after another commit"
AFTER_PUBLISH = "after publish"
BEFORE_DELETION = "before deletion"
BEFORE_ACK = "before ack"
IN_CHILD = "in child "

# Their deliveries claim nothing: the first point is their beginning.
TASKS = ("sweep", "record_failure")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault at a point of a function: SIGKILL or SIGSTOP.

    `skip`: the number of unharmed passes before it.
    """

    function: str
    point: str
    signal: signal.Signals = signal.SIGKILL
    skip: int = 0


def signal_itself(fault: Fault) -> None:
    """Send the signal to this process."""
    os.kill(os.getpid(), fault.signal)


class Saboteur:
    """Watches every point of its process until it is closed; strikes once, where `fault` says.

    `reached` counts the points that the functions reached.
    """

    def __init__(
        self, patch: pytest.MonkeyPatch, strike: Callable[[Fault], None] = signal_itself
    ) -> None:
        self.fault: Fault | None = None
        self.at_work: str | None = None
        self.reached: Counter[tuple[str, str]] = Counter()
        self._patch = patch
        self._strike = strike
        self._reaching = threading.Lock()
        self._watch_leases()
        self._watch_uploads()
        watch_children(
            patch,
            lambda operation: self._is_next(IN_CHILD + operation),
            lambda operation, _: self.reach(IN_CHILD + operation),
        )
        self._listeners = {"before_commit": self._before_commit, "after_commit": self._after_commit}
        for name, listener in self._listeners.items():
            event.listen(Session, name, listener)

    def close(self) -> None:
        """Stop watching commits; the rest ends with the patch."""
        for name, listener in self._listeners.items():
            event.remove(Session, name, listener)

    def reach(self, point: str) -> None:
        """Strike if this is the point."""
        # Downloads are served by threads of their own.
        with self._reaching:
            fault = self._struck_by(point)
        if fault is not None:
            self._strike(fault)

    def _struck_by(self, point: str) -> Fault | None:
        if self.at_work is None:
            return None
        self.reached[self.at_work, point] += 1
        fault = self.fault
        if fault is None or (fault.function, fault.point) != (self.at_work, point):
            return None
        self.fault = replace(fault, skip=fault.skip - 1) if fault.skip else None
        return None if fault.skip else fault

    def _is_next(self, point: str) -> bool:
        fault = self.fault
        return fault is not None and (fault.function, fault.point, fault.skip) == (
            self.at_work,
            point,
            0,
        )

    def _watch_leases(self) -> None:
        begin = Heartbeat.__enter__

        def begun(heartbeat: Heartbeat) -> Heartbeat:
            # Before its thread is there: an error that ends a process would leave it behind here.
            self.reach(AFTER_CLAIM)
            return begin(heartbeat)

        self._patch.setattr(Heartbeat, "__enter__", begun)

        def watched_finish(session: Session, *rest: Any) -> Any:
            session.info["finishes"] = True
            return finishing.begin_finish(session, *rest)

        self._patch.setattr(jobs, "begin_finish", watched_finish)

    def _before_commit(self, session: Session) -> None:
        self._reach_commit(session, BEFORE_COMMIT, BEFORE_OTHER_COMMIT)

    def _after_commit(self, session: Session) -> None:
        self._reach_commit(session, AFTER_COMMIT, AFTER_OTHER_COMMIT)

    def _reach_commit(self, session: Session, of_its_own: str, other: str) -> None:
        # The heartbeat's are at any time.
        if threading.current_thread() is threading.main_thread():
            finishes = "finishes" in session.info or self.at_work in TASKS
            self.reach(of_its_own if finishes else other)

    def _watch_uploads(self) -> None:
        def poured(*arguments: Any) -> None:
            saving.pour(*arguments)
            self.reach(DURING_UPLOAD)

        self._patch.setattr(folder_writing, "pour", poured)


class SabotagedFolder(FolderStorage):
    """A folder store with points at uploads and deletions, and at downloads if it is `remote`.

    A remote one can only be read by ranges and downloads, like a bucket in the cloud.
    """

    def __init__(self, root: Path, saboteur: Saboteur, *, remote: bool = True) -> None:
        super().__init__(root)
        self._remote = remote
        self._saboteur = saboteur
        self._patch = pytest.MonkeyPatch()

    def open(self, url: str, *, generation: str | None = None) -> FolderReader:
        """Like the folder's; strikes at the first bytes."""
        reader = super().open(url, generation=generation)
        read = reader.read

        def struck(size: int | None = -1) -> bytes:
            data = read(size)
            self._saboteur.reach(DURING_DOWNLOAD)
            return data

        self._patch.setattr(reader, "read", struck)
        return reader

    def upload(self, path: Path, url: str, **options: Any) -> ObjectStat:
        """Like the folder's; strikes when the object exists."""
        stat = super().upload(path, url, **options)
        self._saboteur.reach(AFTER_UPLOAD)
        return stat

    def delete(self, url: str, *, generation: str | None = None) -> bool:
        """Like the folder's; strikes before it."""
        self._saboteur.reach(BEFORE_DELETION)
        return super().delete(url, generation=generation)

    def local_path(self, url: str) -> Path | None:
        """None if the store is remote."""
        return None if self._remote else super().local_path(url)
