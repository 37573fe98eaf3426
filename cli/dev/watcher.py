"""Watch the bucket folder: a complete file is its own finalize event."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import structlog
from sqlalchemy import Engine, exists, select

from cli.dev.open_files import is_written_to
from shared.db.models import Video
from shared.domain.names import video_identifier
from shared.messages.videos import VideoUploaded
from shared.messaging.outgoing import outgoing
from shared.pipeline.context import Context
from shared.storage.protocol import ObjectStat, Storage
from shared.storage.urls import split_url
from shared.videos.registration import not_a_source

SETTLE_SECONDS = 1.0
RESCAN_SECONDS = 10.0
CONFIRM_SECONDS = 60.0
MAX_ANNOUNCEMENTS = 5
_STEP_MILLISECONDS = 250
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class SettleCheck:
    """Decide which files are complete: those that have not changed for a while. Pure.

    A generation covers a file's times, size and inode. A video also waits until its companions,
    such as subtitles under the same name, are complete.
    """

    settle_seconds: float
    _settled: dict[str, str] = field(default_factory=dict)
    _changing: dict[str, tuple[str, float]] = field(default_factory=dict)

    @property
    def is_busy(self) -> bool:
        """Whether a file changed lately."""
        return bool(self._changing)

    def observe(self, stats: Iterable[ObjectStat], now: float) -> list[ObjectStat]:
        """Of the given files, those that have just become complete."""
        there = {stat.url: stat for stat in stats if stat.size_bytes > 0}
        for known in (self._settled, self._changing):
            for url in known.keys() - there.keys():
                del known[url]
        for url, stat in there.items():
            if self._settled.get(url) == stat.generation:
                continue
            if self._changing.get(url, ("",))[0] != stat.generation:
                self._changing[url] = (stat.generation, now)
        restless = {_stem(url) for url in self._changing if not self._is_still(url, now)}
        ripe = [
            there[url]
            for url in self._changing
            if self._is_still(url, now) and _stem(url) not in restless
        ]
        for stat in ripe:
            del self._changing[stat.url]
            self._settled[stat.url] = stat.generation
        return ripe

    def postpone(self, stat: ObjectStat, now: float) -> None:
        """The file is not complete: restart its quiet period."""
        self._settled.pop(stat.url, None)
        self._changing[stat.url] = (stat.generation, now)

    def _is_still(self, url: str, now: float) -> bool:
        return now - self._changing[url][1] >= self.settle_seconds


def _stem(url: str) -> str:
    folder, _, name = url.rpartition("/")
    return f"{folder}/{name.rpartition('.')[0] or name}"


@dataclass(slots=True)
class _Announced:
    stat: ObjectStat
    at: float
    times: int = 1


class Watcher:
    """Announce each complete file of a bucket folder once, and again until it is registered.

    `announce` publishes the event. `is_known` says whether that version has its video's row, so
    that files dropped while nothing watched are announced, and finished ones are not.
    """

    def __init__(
        self,
        storage: Storage,
        bucket_url: str,
        folder: Path,
        *,
        announce: Callable[[ObjectStat], None],
        is_known: Callable[[ObjectStat], bool],
        settle_seconds: float = SETTLE_SECONDS,
        rescan_seconds: float = RESCAN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._storage = storage
        self._bucket_url = bucket_url
        self._folder = folder
        self._announce = announce
        self._is_known = is_known
        self._rescan_seconds = rescan_seconds
        self._clock = clock
        self._settling = SettleCheck(settle_seconds)
        self._unconfirmed: dict[str, _Announced] = {}

    def run(self, stop: threading.Event) -> None:
        """Watch until stopped. Errors are logged; the next look tries again."""
        rescan_at = 0.0
        for changed in self._wakes(stop):
            if not (changed or self._settling.is_busy or self._clock() >= rescan_at):
                continue
            rescan_at = self._clock() + self._rescan_seconds
            try:
                self.look()
            except Exception as error:
                _log.warning("bucket folder not read", error=str(error))

    def look(self) -> None:
        """One look at the folder."""
        self._folder.mkdir(parents=True, exist_ok=True)
        now = self._clock()
        found = list(self._storage.list(f"{self._bucket_url}/"))
        for stat in self._settling.observe(found, now):
            if not_a_source(stat.url) is not None:
                continue
            path = self._storage.local_path(stat.url)
            if path is not None and is_written_to(path):
                self._settling.postpone(stat, now)
            elif not self._is_known(stat):
                self._tell(_Announced(stat, now))
        self._confirm({stat.url: stat.generation for stat in found}, now)

    def _tell(self, announced: _Announced) -> None:
        # Noted first, so that a file whose event could not be published is announced again.
        self._unconfirmed[announced.stat.url] = announced
        self._announce(announced.stat)

    def _confirm(self, there: dict[str, str], now: float) -> None:
        """Forget registered files; announce others again, since a killed broker loses messages."""
        for url, announced in list(self._unconfirmed.items()):
            if now - announced.at < CONFIRM_SECONDS:
                continue
            del self._unconfirmed[url]
            gone = there.get(url) != announced.stat.generation
            if gone or announced.times >= MAX_ANNOUNCEMENTS or self._is_known(announced.stat):
                continue
            self._tell(_Announced(announced.stat, now, announced.times + 1))

    def _wakes(self, stop: threading.Event) -> Iterator[bool]:
        """Yield at every change, and several times a second; True for a change."""
        from watchfiles import watch

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for changes in watch(
                self._folder,
                watch_filter=None,
                debounce=_STEP_MILLISECONDS,
                rust_timeout=_STEP_MILLISECONDS,
                yield_on_timeout=True,
                stop_event=stop,
                raise_interrupt=False,
            ):
                yield bool(changes)
        except OSError as error:
            # The system may be out of watches. Polling works everywhere.
            _log.warning("changes are not reported, so the folder is polled", error=str(error))
        while not stop.wait(SETTLE_SECONDS):
            yield True


_log = structlog.get_logger(__name__)


def announce_drop(context: Context, stat: ObjectStat) -> None:
    """Publish that the object is complete. Raises `PublishFailed`."""
    message = VideoUploaded(source_url=stat.url, generation=stat.generation)
    context.publisher.publish([outgoing(message)])
    _log.info("dropped", url=stat.url, bytes=stat.size_bytes)


def is_registered(engine: Engine, stat: ObjectStat) -> bool:
    """Whether that version of the object has a video row."""
    stem = PurePosixPath(split_url(stat.url).name).stem
    identifier = video_identifier(stat.url, stat.generation, stem)
    with engine.connect() as connection:
        return bool(connection.scalar(select(exists().where(Video.identifier == identifier))))
