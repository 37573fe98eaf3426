"""Signals a worker process sends itself at a chosen point of a chosen function."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from shared.media.process import Child
from shared.pipeline import finishing
from shared.pipeline import job as jobs
from shared.pipeline.heartbeat import Heartbeat
from shared.storage.folder import FolderStorage
from shared.storage.folder_reader import FolderReader
from shared.storage.protocol import ObjectStat

AFTER_CLAIM = "after claim"
DURING_DOWNLOAD = "during download"
MID_FFMPEG = "mid-ffmpeg"
AFTER_UPLOAD = "after upload"
BEFORE_COMMIT = "before commit"
AFTER_COMMIT = "after commit"
BEFORE_ACK = "before ack"
ALL_POINTS = (
    AFTER_CLAIM,
    DURING_DOWNLOAD,
    MID_FFMPEG,
    AFTER_UPLOAD,
    BEFORE_COMMIT,
    AFTER_COMMIT,
    BEFORE_ACK,
)

_EVERYWHERE = (AFTER_CLAIM, BEFORE_COMMIT, AFTER_COMMIT, BEFORE_ACK)
_READING = (*_EVERYWHERE, DURING_DOWNLOAD)
_MAKING = (*_READING, MID_FFMPEG, AFTER_UPLOAD)
# Every point that the function has.
POINTS = {
    "start_pipeline": _EVERYWHERE,
    "probe_video": (*_READING, MID_FFMPEG),
    "split_audio": _MAKING,
    "transcribe_audio": _READING,
    "generate_moments": _EVERYWHERE,
    "generate_window": _EVERYWHERE,
    "choose_moments": _EVERYWHERE,
    "refine_moments": _EVERYWHERE,
    "score_moments": _EVERYWHERE,
    "cut_clip": _MAKING,
    "make_thumbnail": _MAKING,
    "sweep": _EVERYWHERE,
    "record_failure": _EVERYWHERE,
}
# Its delivery claims nothing: the first point is its beginning.
TASKS = ("sweep", "record_failure")
_INTO_FFMPEG_SECONDS = 0.03


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens once, when that function comes to that point: SIGKILL or SIGSTOP."""

    function: str
    point: str
    signal: signal.Signals = signal.SIGKILL


def signal_itself(fault: Fault) -> None:
    """The process gets its signal."""
    os.kill(os.getpid(), fault.signal)


class Saboteur:
    """Watches every point of its process through `patch`; strikes where `fault` says, once."""

    def __init__(
        self, patch: pytest.MonkeyPatch, strike: Callable[[Fault], None] = signal_itself
    ) -> None:
        self.fault: Fault | None = None
        self.at_work: str | None = None
        self._patch = patch
        self._strike = strike
        self._watch_leases_and_commits()
        self._watch_media()

    def reach(self, point: str) -> None:
        """Strike, if that is the point."""
        fault = self.fault
        if fault is None or (fault.function, fault.point) != (self.at_work, point):
            return
        self.fault = None
        self._strike(fault)

    def _watch_leases_and_commits(self) -> None:
        def watched_finish(session: Session, *rest: Any) -> Any:
            event.listen(session, "before_commit", lambda _: self.reach(BEFORE_COMMIT))
            event.listen(session, "after_commit", lambda _: self.reach(AFTER_COMMIT))
            return finishing.begin_finish(session, *rest)

        self._patch.setattr(jobs, "begin_finish", watched_finish)
        # Before its thread is there: an error that ends a process would leave it behind here.
        self._before(Heartbeat, "__enter__", lambda: self.reach(AFTER_CLAIM))

    def watch_tasks(self) -> None:
        """Watch every commit of what has no ledger row, too, for as long as the process lives."""
        for name, point in (("before_commit", BEFORE_COMMIT), ("after_commit", AFTER_COMMIT)):
            event.listen(Session, name, lambda _, point=point: self._reach_in_task(point))

    def _reach_in_task(self, point: str) -> None:
        if self.at_work in TASKS:
            self.reach(point)

    def _before(self, owner: type, name: str, first: Callable[[], None]) -> None:
        original = getattr(owner, name)

        def wrapped(this: Any, *rest: Any) -> Any:
            first()
            return original(this, *rest)

        self._patch.setattr(owner, name, wrapped)

    def _after(self, owner: type, name: str, then: Callable[[], None]) -> None:
        original = getattr(owner, name)

        def wrapped(this: Any, *rest: Any) -> Any:
            result = original(this, *rest)
            then()
            return result

        self._patch.setattr(owner, name, wrapped)

    def _watch_media(self) -> None:
        def into_it() -> None:
            if self.fault is not None and self.fault.point == MID_FFMPEG:
                time.sleep(_INTO_FFMPEG_SECONDS)
            self.reach(MID_FFMPEG)

        self._after(Child, "__enter__", into_it)


class SabotagedFolder(FolderStorage):
    """A folder that is struck at uploads, and at downloads where it is `remote`.

    A remote one can only be read by ranges and downloads, like a bucket in the cloud.
    """

    def __init__(self, root: Path, saboteur: Saboteur, *, remote: bool = True) -> None:
        super().__init__(root)
        self._remote = remote
        self._saboteur = saboteur
        self._patch = pytest.MonkeyPatch()

    def open(self, url: str, *, generation: str | None = None) -> FolderReader:
        """As the folder's; struck at the first bytes."""
        reader = super().open(url, generation=generation)
        read = reader.read

        def struck(size: int | None = -1) -> bytes:
            data = read(size)
            self._saboteur.reach(DURING_DOWNLOAD)
            return data

        self._patch.setattr(reader, "read", struck)
        return reader

    def upload(self, path: Path, url: str, **options: Any) -> ObjectStat:
        """As the folder's; struck when the object is there."""
        stat = super().upload(path, url, **options)
        self._saboteur.reach(AFTER_UPLOAD)
        return stat

    def local_path(self, url: str) -> Path | None:
        """None where it is not on this machine."""
        return None if self._remote else super().local_path(url)
