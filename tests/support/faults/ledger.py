"""Events that may happen to a deployment at any time, and the state that must follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import ClassVar

import pytest
from hypothesis import strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import select, text

from shared.db.models import PipelineHistory
from shared.domain.names import video_identifier
from shared.errors import Reject
from shared.messages.videos import PipelineRequested, VideoUploaded
from shared.videos import deletion as deleting
from shared.videos.garbage import collect
from tests.support.error_codes import NOISE
from tests.support.faults.invariants import Invariants
from tests.support.faults.report import Counts
from tests.support.faults.strikes.injection import (
    AFTER_CLAIM,
    AFTER_PUBLISH,
    BEFORE_ACK,
    DURING_DOWNLOAD,
    IN_CHILD,
    TASKS,
    Fault,
    Saboteur,
)
from tests.support.faults.strikes.scenarios import OTHER_PADDING, SCENARIOS
from tests.support.faults.world import FaultWorld

PLACES = strategies.integers(0, 10_000)
# Media work is fake, reads are in threads of their own, and before the ack is a duplicate.
ELSEWHERE = (IN_CHILD, DURING_DOWNLOAD, BEFORE_ACK, AFTER_PUBLISH)
DELETION_STEPS = ("delete_rows", "objects_of_video", "end_deletion")
MOST_SOURCES = 3
MOST_REQUESTS = 2
MOST_SKIPPED = 3
WORK = ("probe", "split", "hear", "cut", "picture")
STATES = select(PipelineHistory.id, PipelineHistory.status)


class Died(BaseException):
    """The exception that stands for a kill."""


class Ledger(RuleBasedStateMachine):
    """Every rule is an event that may happen at any time; in the end the state is right."""

    world: ClassVar[FaultWorld]
    saboteur: ClassVar[Saboteur]
    counts: ClassVar[Counts]
    done: ClassVar[Counter[str]]

    @initialize()
    def begin(self) -> None:
        """An empty deployment."""
        self.world.clear()
        self.ended: dict[int, str] = {}
        self.sources: dict[str, list[str]] = {}
        self.disturbed: set[str] = set()
        self.deleted: set[str] = set()
        self.requests = 0
        self.world.media.hooks.clear()
        self.done["examples"] += 1
        self.drop()

    @precondition(lambda self: len(self.sources) < MOST_SOURCES)
    @rule()
    def drop(self) -> None:
        """A new source."""
        self._put(f"talk-{len(self.sources)}.mp4")

    @rule(place=PLACES, keep=strategies.booleans())
    def deliver(self, place: int, keep: bool) -> None:
        """Deliver any waiting message; `keep`: as a duplicate."""
        self.world.broker.deliver_one(place, keep=keep)

    @rule(places=strategies.lists(PLACES, min_size=4, max_size=8))
    def deliver_some(self, places: list[int]) -> None:
        """Deliver several, so that runs make progress."""
        for place in places:
            self.world.broker.deliver_one(place)

    @rule(which=PLACES, places=strategies.lists(PLACES, min_size=3, max_size=8))
    def crash(self, which: int, places: list[int]) -> None:
        """A worker dies at some point of a delivery; the message is not acknowledged."""
        for place in places:
            function = self.world.broker.function_of(place)
            if function is not None and self._dies_at(
                function, which, partial(self.world.broker.deliver_one, place)
            ):
                break

    @rule(which=PLACES)
    def crash_sweep(self, which: int) -> None:
        """A sweep dies and loses nothing of its work."""
        self._dies_at("sweep", which, self.world.sweep)

    def _dies_at(self, function: str, which: int, work: Callable[[], object]) -> bool:
        """Whether it reached that point of the function and died there."""
        points = _points_of(function)
        point = points[which % len(points)]
        fault = Fault(function, point, skip=which // len(points) % MOST_SKIPPED)
        self.saboteur.fault, self.saboteur.at_work = fault, function
        try:
            work()
        except Died:
            self.counts.faults[f"crash {point}"] += 1
            return True
        finally:
            self.saboteur.fault = self.saboteur.at_work = None
        return False

    @rule(work=strategies.sampled_from(WORK), permanent=strategies.booleans())
    def fail(self, work: str, permanent: bool) -> None:
        """The next work of that kind fails, for good or once."""

        def fail_once(*facts: object) -> None:
            del self.world.media.hooks[work]
            self.counts.faults["failing stage"] += 1
            raise Reject(NOISE, "It fails.") if permanent else OSError("for once")

        self.world.media.hooks[work] = fail_once

    @rule(place=PLACES)
    def retry(self, place: int) -> None:
        """A person retries the failures."""
        failed = [run for run in self.world.pipelines() if run.status in ("failed", "partial")]
        if failed:
            again = failed[place % len(failed)]
            self.world.retry(again.id)
            self.ended.pop(again.id, None)

    @precondition(lambda self: self.requests < MOST_REQUESTS)
    @rule(place=PLACES)
    def ask_again(self, place: int) -> None:
        """Another run of a video with other padding, which cuts its clips again."""
        self.requests += 1
        url = f"{self.world.context.upload_url}/{self._source(place)}"
        self.world.say(PipelineRequested(source_url=url, options=OTHER_PADDING))

    @rule()
    def collect(self) -> None:
        """Garbage is collected without a grace period, while others work."""
        self.counts.faults["collected"] += len(list(collect(self.world.context, grace_seconds=0)))

    @rule()
    def expire(self) -> None:
        """Every lease expires."""
        self.counts.faults["expiry"] += 1
        self.world.expire_leases()

    @rule()
    def sweep(self) -> None:
        """The scheduler's sweep."""
        self.world.sweep()

    @rule()
    def lose(self) -> None:
        """Every message is lost except the drops, which are sent again."""
        self.world.broker.lose_everything()
        for name in self.sources:
            url = f"{self.world.context.upload_url}/{name}"
            self.world.say(VideoUploaded(source_url=url))

    @rule(place=PLACES)
    def overwrite(self, place: int) -> None:
        """A newer version of a source."""
        name = self._source(place)
        self.disturbed.add(self.sources[name][-1])
        self.counts.faults["overwritten"] += 1
        self._put(name)

    @rule(place=PLACES)
    def remove(self, place: int) -> None:
        """A source vanishes from its bucket, without an event."""
        name = self._source(place)
        self.disturbed.add(self.sources[name][-1])
        self.counts.faults["source removed"] += 1
        self.world.files.delete(f"{self.world.context.upload_url}/{name}")

    @rule(place=PLACES, dies_before=strategies.sampled_from([None, *DELETION_STEPS]))
    def delete(self, place: int, dies_before: str | None) -> None:
        """A video is deleted, as by the command, which may be killed and not repeated."""
        video = self.sources[self._source(place)][-1]
        with pytest.MonkeyPatch.context() as patch:
            if dies_before is not None:
                patch.setattr(deleting, dies_before, die)
            try:
                deleting.delete_video(self.world.context, video)
            except Reject:
                return  # nobody has taken it in yet
            except Died:
                self.counts.faults[f"deletion killed before {dies_before}"] += 1
        self.deleted.add(video)
        self.counts.faults["deleted"] += 1

    @invariant()
    def ended_runs_keep_their_status(self) -> None:
        """No ended run changes its status."""
        self.done["steps"] += 1
        with self.world.engine.connect() as connection:
            now = dict(connection.execute(STATES).all())
        for pipeline, status in now.items():
            assert self.ended.get(pipeline) in (None, status)
        self.ended |= {pipeline: status for pipeline, status in now.items() if status != "running"}

    def teardown(self) -> None:
        """Left alone, everything ends correctly, and the invariants hold."""
        if not hasattr(self, "sources"):
            return
        world = self.world
        world.media.hooks.clear()
        world.settle(workers=1)
        for run in world.pipelines():
            if run.status in ("failed", "partial"):
                world.retry(run.id)
        world.settle(workers=1)
        violations = Invariants(world, garbage=True).violations()
        self.counts.take(world)
        self.counts.judge(violations)
        assert not violations, "\n".join(violations)
        self._check_videos()

    def _check_videos(self) -> None:
        with self.world.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT v.identifier, array_agg(p.status) AS ends FROM videos v "
                    "JOIN pipeline_history p ON p.video_id = v.id GROUP BY v.id"
                )
            ).all()
        ends = {row.identifier: set(row.ends) for row in rows}
        assert not self.deleted & ends.keys()
        for versions in self.sources.values():
            for video in versions:
                if video not in self.disturbed | self.deleted:
                    assert ends[video] == {"completed"}
                elif video in ends:
                    assert ends[video] <= {"completed", "superseded", "source_gone"}

    def _put(self, name: str) -> None:
        version = len(self.sources.get(name, [])) + 1
        stat = self.world.put(name, f"version {version}\n")
        identifier = video_identifier(stat.url, stat.generation, name[:-4])
        self.sources.setdefault(name, []).append(identifier)
        self.world.say(VideoUploaded(source_url=stat.url, generation=stat.generation))

    def _source(self, place: int) -> str:
        return list(self.sources)[place % len(self.sources)]


def _points_of(function: str) -> list[str]:
    """The points of all scenarios that can be reached here."""
    found = {p for scenario in SCENARIOS.values() for p in scenario.points.get(function, ())}
    # A task claims nothing.
    elsewhere = (*ELSEWHERE, AFTER_CLAIM) if function in TASKS else ELSEWHERE
    return sorted(point for point in found if not point.startswith(elsewhere))


def die(*facts: object) -> None:
    """Raise in place of a signal."""
    raise Died
