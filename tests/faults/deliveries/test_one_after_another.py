"""Two runs of one video reach the same row at once: the second waits, then replaces the first."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy.orm import Session

from functions.main import TOPOLOGY
from shared.clips import rows, thumbnail_rows
from shared.db.models import Run
from shared.messages.videos import PipelineRequested
from shared.messaging.delivery import Outcome
from shared.pipeline.ledger import run_state as ending
from tests.support.faults.report import Counts
from tests.support.faults.world import FaultWorld
from tests.support.pipelines.concurrent_runs import a_rival


def _run_again(world: FaultWorld, url: str) -> None:
    """Another run from first to last stage, without the broker, as the ledger has it."""
    asked = PipelineRequested(source_url=url, request_id="again")
    assert world.deliver("start_pipeline", asked) is Outcome.DONE
    own = world.pipelines()[-1].id
    while waiting := [r for r in world.runs() if (r.pipeline_id, r.status) == (own, "queued")]:
        for run in waiting:
            message = TOPOLOGY.messages[run.topic].model_validate(run.message)
            world.deliver(run.stage, message)


@pytest.mark.parametrize(
    ("module", "look", "of"),
    [
        (rows, "find_clip", ""),
        (thumbnail_rows, "find_thumbnail", "clip_id"),
        (thumbnail_rows, "find_thumbnail", "video_id"),
    ],
    ids=["clip", "picture of a clip", "picture of the video"],
)
def test_second_run_replaces_the_objects_of_the_first(
    module: ModuleType,
    look: str,
    of: str,
    make_world: Callable[..., FaultWorld],
    monkeypatch: pytest.MonkeyPatch,
    counts: Counts,
) -> None:
    """The first run has read what it replaces but not written yet: no object is left over."""
    world = make_world(max_moments=1)
    url = world.drop()
    looked: Callable[..., Any] = getattr(module, look)
    others: list[Future[None]] = []

    def write_late(session: Session, owner: Any) -> Any:
        before = looked(session, owner)
        if not rival.began and (not of or owner.column == of):
            others.append(rival.meet(lambda: _run_again(world, url)))
        return before

    monkeypatch.setattr(module, look, write_late)
    with a_rival(world.engine) as rival:
        world.settle(workers=1)
    others[0].result()
    world.settle(workers=1)
    counts.faults["overtaken by another run"] = 1
    assert [pipeline.status for pipeline in world.pipelines()] == ["completed"] * 2
    assert len(world.objects()) == 3  # a clip, its thumbnail, and the video's


def test_request_does_not_reopen_a_run_that_is_ending(
    make_world: Callable[..., FaultWorld], monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """A request after the last look for unfinished work queues nothing, and the run completes."""
    world = make_world(max_moments=1)
    url = world.drop()
    judge = ending.final_status
    late: list[Future[Outcome]] = []

    def judge_slowly(session: Session, row: Run) -> str:
        asked = PipelineRequested(source_url=url)
        late.append(rival.meet(lambda: world.deliver("start_pipeline", asked)))
        return judge(session, row)

    monkeypatch.setattr(ending, "final_status", judge_slowly)
    with a_rival(world.engine) as rival:
        world.settle(workers=1)
    counts.faults["asked for while it ends"] = 1
    assert [one.result() for one in late] == [Outcome.IGNORED]
    assert [pipeline.status for pipeline in world.pipelines()] == ["completed"]
    assert world.runs("start_pipeline") == []
