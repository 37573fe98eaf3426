"""Number 12: some clips fail, or all of them, or there are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from shared.domain.spans import TimeSpan
from shared.error_codes.videos import DAMAGED_MEDIA
from shared.errors import Reject
from tests.support.error_codes import BAD_CUT
from tests.support.faults.chaos import STORM, Chaos
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld

CLIPS = 5
LOSSY = Chaos(most_copies=2, dropped_acks=0.1, while_running=0.1)


class FailingCuts:
    """Cuts fail for the first `failing` moments of each video; counts cuts by moment."""

    def __init__(self, world: FaultWorld, failing: int, error: Exception) -> None:
        self.cuts: Counter[tuple[str, float]] = Counter()
        self.failing = failing
        self._error = error
        self._starts: list[float] = []
        self._world = world
        world.media.hooks["cut"] = self._cut

    def _cut(self, version: str, window: TimeSpan) -> None:
        if not self._starts:
            self._starts = self._share_of_moments()
        self.cuts[version, window.start_seconds] += 1
        number = sum(start < window.end_seconds for start in self._starts) - 1
        if number < self.failing:
            raise self._error

    def _share_of_moments(self) -> list[float]:
        """The same in every video, since all have equal speech."""
        with self._world.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT DISTINCT start_time FROM moments ORDER BY 1")
            return list(rows.scalars())


@sizes(quick=1, full=20)
@pytest.mark.parametrize("error", [Reject(BAD_CUT, "It cannot be cut."), OSError("disk full")])
@pytest.mark.parametrize("failing", range(CLIPS + 1))
def test_run_is_partial_when_clips_fail_and_retry_repeats_only_those(
    failing: int,
    error: Exception,
    size: int,
    make_world: Callable[..., FaultWorld],
    counts: Counts,
) -> None:
    """No failure: completed. Any number: partial, with the reason. A retry repeats failures."""
    world = make_world(chaos=LOSSY, min_moments=CLIPS, max_moments=CLIPS, max_attempts=2)
    cutting = FailingCuts(world, failing, error)
    counts.faults["failing clip"] = failing * size
    for number in range(size):
        world.drop(content=f"version {number}\n")
    world.settle(workers=4)
    for pipeline in world.pipelines():
        assert pipeline.status == ("partial" if failing else "completed")
        assert pipeline.error_stage == ("cut_clip" if failing else None)
        assert (pipeline.total_moments_generated, pipeline.total_clips_created or 0) == (
            CLIPS,
            CLIPS - failing,
        )
        assert (f"(and {failing - 1} more failed)" in (pipeline.error_message or "")) == (
            failing > 1
        )
    _check_retry(world, cutting, size)


def _check_retry(world: FaultWorld, cutting: FailingCuts, size: int) -> None:
    """A retry repeats only failed work, once, and completes the run."""
    done = {run.id: run.completed_at for run in world.runs() if run.status == "completed"}
    failing, cutting.failing = cutting.failing, 0
    cutting.cuts.clear()
    assert [world.retry(pipeline.id) for pipeline in world.pipelines()] == [failing] * size
    world.settle(workers=4)
    assert {(p.status, p.total_clips_created) for p in world.pipelines()} == {("completed", CLIPS)}
    assert len(cutting.cuts) == failing * size
    assert set(cutting.cuts.values()) <= {1}
    assert {run.id: run.completed_at for run in world.runs() if run.id in done} == done


@pytest.mark.parametrize("sentences", [0, 1])
def test_run_completes_when_there_are_no_moments(
    sentences: int, make_world: Callable[..., FaultWorld]
) -> None:
    """Without speech, or with too little of it, the run completes and says why."""
    world = make_world(chaos=STORM, min_moment_length_seconds=60)
    world.media.sentences = sentences
    world.drop()
    world.settle(workers=4)
    (pipeline,) = world.pipelines()
    assert (pipeline.status, pipeline.total_moments_generated) == ("completed", 0)
    (chosen,) = world.runs("generate_moments")
    assert chosen.status == "skipped"
    assert chosen.error_message
    assert not world.runs("cut_clip")


@pytest.mark.parametrize("work", ["probe", "split", "hear"])
def test_run_fails_when_a_required_stage_fails(
    work: str, make_world: Callable[..., FaultWorld]
) -> None:
    """The run fails and names the stage; a retry completes it."""
    world = make_world(chaos=LOSSY)

    def fail(*facts: object) -> None:
        raise Reject(DAMAGED_MEDIA, "The file cannot be decoded.")

    world.media.hooks[work] = fail
    world.drop()
    world.settle(workers=4)
    (pipeline,) = world.pipelines()
    stage = {"probe": "probe_video", "split": "split_audio", "hear": "transcribe_audio"}[work]
    assert (pipeline.status, pipeline.error_stage) == ("failed", stage)
    world.media.hooks.clear()
    assert world.retry(pipeline.id) > 0
    world.settle(workers=4)
    assert world.pipelines()[0].status == "completed"
