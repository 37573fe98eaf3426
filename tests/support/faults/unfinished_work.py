"""One unfinished case for each duty of the sweep."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text

from shared.pipeline import runtime
from shared.videos import deletion as deleting
from tests.support.faults.world import FaultWorld

HOPELESS = "UPDATE stage_runs SET attempt = :most WHERE id = :run"
HELD = """
UPDATE stage_runs SET status = 'running', attempt = 1, lease_owner = 'gone',
    lease_token = gen_random_uuid(), lease_expires_at = clock_timestamp() WHERE id = :run
"""
FORGOTTEN = """
UPDATE pipeline_history SET status = 'running', completed_at = NULL, duration_seconds = NULL
    WHERE id = :pipeline
"""


@dataclass(frozen=True, slots=True)
class UnfinishedWork:
    """A sweep's work: commits and deletions of objects; then, the end of each run."""

    commits: int
    deletions: int
    ends: tuple[str, ...]
    clips: int


STAKES = UnfinishedWork(commits=9, deletions=7, ends=("completed", "failed"), clips=8)


class _Died(BaseException):
    """The exception that stands for a kill."""


def make_unfinished_work(world: FaultWorld, source: str | Path) -> None:
    """A dead worker's run, one without an attempt left, one whose messages are lost.

    Also one that was not cleaned up, one that was not ended, and an unfinished deletion.
    """
    _not_cleaned_up(world)
    _deleted_half(world)
    _forgotten(world)
    held, hopeless, _lost = (_under_way(world) for _ in range(3))
    with world.engine.begin() as connection:
        connection.execute(text(HELD), {"run": held})
        most = world.context.policy.max_attempts
        connection.execute(text(HOPELESS), {"run": hopeless, "most": most})
    world.advance(world.context.policy.republish_seconds + 1)


def _completed(world: FaultWorld) -> None:
    world.drop()
    world.broker.run(1)


def _not_cleaned_up(world: FaultWorld) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runtime, "clean_up", lambda *_: False)
        _completed(world)


def _deleted_half(world: FaultWorld) -> None:
    _completed(world)

    def die(*_: object) -> None:
        raise _Died

    video = world.pipelines()[-1].identifier.split(":")[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deleting, "delete_rows", die)
        with pytest.raises(_Died):
            deleting.delete_video(world.context, video)


def _forgotten(world: FaultWorld) -> None:
    _completed(world)
    with world.engine.begin() as connection:
        connection.execute(text(FORGOTTEN), {"pipeline": world.pipelines()[-1].id})


def _under_way(world: FaultWorld) -> int:
    """A new run whose slices wait for transcription, with lost messages. Returns a waiting one."""
    world.drop()
    pipeline = None
    while pipeline is None or not (waiting := _waiting(world, pipeline)):
        world.broker.run(1, most=1)
        pipeline = world.pipelines()[-1].id
    world.broker.lose_everything()
    return waiting[0]


def _waiting(world: FaultWorld, pipeline: int) -> list[int]:
    return [
        run.id
        for run in world.runs("transcribe_audio")
        if run.pipeline_id == pipeline and run.status == "queued"
    ]
