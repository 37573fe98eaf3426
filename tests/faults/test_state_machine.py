"""Number 3: any sequence of deliveries, duplicates, crashes, expiries, sweeps and changes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import hypothesis
import pytest
from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text

from shared.db.models import PipelineHistory
from shared.domain.names import video_identifier
from shared.errors import Reject
from shared.messages import VideoUploaded
from shared.pipeline import deleting
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.runtime import Runtime
from tests.faults.invariants import Invariants
from tests.faults.report import Counts, full_scale
from tests.faults.sabotage import (
    BEFORE_ACK,
    DURING_DOWNLOAD,
    MID_FFMPEG,
    POINTS,
    Fault,
    SabotagedFolder,
    Saboteur,
)
from tests.faults.world import FaultWorld

PLACES = strategies.integers(0, 10_000)
# Media work is fake, reads are in threads of their own, and before the ack is a duplicate.
ELSEWHERE = (MID_FFMPEG, DURING_DOWNLOAD, BEFORE_ACK)
DELETION_STEPS = ("_delete_rows", "_objects", "_end")
MOST_SOURCES = 3
STEPS = 50
# Each is a test of its own with its own seed, so that they can go side by side.
PARTS = 4
STATES = select(PipelineHistory.id, PipelineHistory.status)


class Died(BaseException):
    """What a process feels that is killed: nothing more."""


class Ledger(RuleBasedStateMachine):
    """Every rule is something that may happen at any time; in the end all is as it must be."""

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
        self.done["examples"] += 1
        self.drop()

    @precondition(lambda self: len(self.sources) < MOST_SOURCES)
    @rule()
    def drop(self) -> None:
        """A new source."""
        self._put(f"talk-{len(self.sources)}.mp4")

    @rule(place=PLACES, keep=strategies.booleans())
    def deliver(self, place: int, keep: bool) -> None:
        """Any message that waits; `keep`: as a duplicate."""
        self.world.broker.deliver_one(place, keep=keep)

    @rule(places=strategies.lists(PLACES, min_size=4, max_size=8))
    def deliver_some(self, places: list[int]) -> None:
        """Several, so that runs get on."""
        for place in places:
            self.world.broker.deliver_one(place)

    @rule(which=PLACES, places=strategies.lists(PLACES, min_size=3, max_size=8))
    def crash(self, which: int, places: list[int]) -> None:
        """A worker dies at some point of a delivery; the message is not acknowledged."""
        for place in places:
            function = self.world.broker.function_of(place)
            points = [point for point in POINTS.get(function or "", ()) if point not in ELSEWHERE]
            if function is None or not points:
                continue
            point = points[which % len(points)]
            self.saboteur.fault, self.saboteur.at_work = Fault(function, point), function
            try:
                self.world.broker.deliver_one(place)
            except Died:
                self.counts.faults[f"crash {point}"] += 1
                break
            finally:
                self.saboteur.fault = self.saboteur.at_work = None

    @rule()
    def expire(self) -> None:
        """Every lease is over."""
        self.counts.faults["expiry"] += 1
        self.world.expire_leases()

    @rule()
    def sweep(self) -> None:
        """The scheduler's sweep."""
        self.world.sweep()

    @rule()
    def lose(self) -> None:
        """Every message is lost but the drops themselves, which are sent again."""
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

    @rule(place=PLACES, dies_before=strategies.sampled_from([None, *DELETION_STEPS]))
    def delete(self, place: int, dies_before: str | None) -> None:
        """A video is deleted, as by the command, which may be killed and not given again."""
        video = self.sources[self._source(place)][-1]
        with pytest.MonkeyPatch.context() as patch:
            if dies_before is not None:
                patch.setattr(deleting, dies_before, _die)
            try:
                deleting.delete_video(self.world.context, video)
            except Reject:
                return  # nobody has taken it in yet
            except Died:
                self.counts.faults[f"deletion killed before {dies_before}"] += 1
        self.deleted.add(video)
        self.counts.faults["deleted"] += 1

    @invariant()
    def what_has_ended_stays_so(self) -> None:
        """No pipeline that has ended changes its status."""
        self.done["steps"] += 1
        with self.world.engine.connect() as connection:
            now = dict(connection.execute(STATES).all())
        for pipeline, status in now.items():
            assert self.ended.get(pipeline) in (None, status)
        self.ended |= {pipeline: status for pipeline, status in now.items() if status != "running"}

    def teardown(self) -> None:
        """Left alone, all of it comes to its right end, and the invariants hold."""
        if not hasattr(self, "sources"):
            return
        world = self.world
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
                    assert ends[video] <= {"completed", "superseded"}

    def _put(self, name: str) -> None:
        version = len(self.sources.get(name, [])) + 1
        stat = self.world.put(name, f"version {version}\n")
        identifier = video_identifier(stat.url, stat.generation, name[:-4])
        self.sources.setdefault(name, []).append(identifier)
        self.world.say(VideoUploaded(source_url=stat.url, generation=stat.generation))

    def _source(self, place: int) -> str:
        return list(self.sources)[place % len(self.sources)]


def _die(*facts: object) -> None:
    raise Died


def _sizes() -> Iterator[Any]:
    """Fifty examples of fifty steps for every commit, five hundred for every night."""
    marks = (pytest.mark.full, pytest.mark.timeout(3 * 3600))
    full = max(10, round(500 * full_scale()))
    for part in range(PARTS):
        yield pytest.param(_in_part(50), id=f"quick-{part + 1}", marks=pytest.mark.quick)
        yield pytest.param(_in_part(full), id=f"full-{part + 1}", marks=marks)


def _in_part(examples: int) -> int:
    """A fifth more of them, as Hypothesis ends some early: on the average after 43 steps."""
    return math.ceil(1.2 * examples / PARTS)


@pytest.fixture
def saboteur(monkeypatch: pytest.MonkeyPatch) -> Saboteur:
    """Strikes by an exception that nothing survives; no heartbeat, as real time stands still."""
    monkeypatch.setattr(Heartbeat, "__enter__", lambda this: this)
    monkeypatch.setattr(Heartbeat, "__exit__", lambda *_: None)
    after_error = Runtime._after_error

    def dead_do_nothing(runtime: Runtime, job: Job, error: BaseException) -> Any:
        if isinstance(error, Died):
            raise error
        return after_error(runtime, job, error)

    monkeypatch.setattr(Runtime, "_after_error", dead_do_nothing)
    return Saboteur(monkeypatch, _die)


@pytest.mark.parametrize("examples", list(_sizes()))
def test_whatever_happens_in_whatever_order(
    examples: int,
    make_world: Callable[..., FaultWorld],
    saboteur: Saboteur,
    tmp_path: Path,
    counts: Counts,
) -> None:
    """Every sequence ends with every run in its right state, every row once, and no orphan."""
    storage = SabotagedFolder(tmp_path / "world-0" / "buckets", saboteur, remote=False)
    world = make_world(garbage=True, storage=storage, max_attempts=100)
    world.engine.pool._pre_ping = False
    Ledger.world, Ledger.counts, Ledger.saboteur = world, counts, saboteur
    Ledger.done = Counter()
    machine = hypothesis.seed(counts.seed)(Ledger)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    counts.notes.update(Ledger.done)
    world.clear()
