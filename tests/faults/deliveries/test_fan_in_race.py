"""Number 2: the four clips of a run end at once, with duplicates, and two wrong ways to count.

The race must catch both wrong ways, or it would prove nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from functions.clips.cut_clip import cut_clip
from functions.clips.make_thumbnail import make_thumbnail
from shared.db.models import PipelineHistory, Run
from shared.errors import LeaseLost
from shared.pipeline.clock import Clock
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.ledger import finish as finishing
from shared.pipeline.ledger.claim import Claim, RunIdentity
from shared.pipeline.ledger.run_state import lock_run
from shared.videos.history import count_clip
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld
from tests.support.patience import PATIENCE_SECONDS
from tests.support.pipelines.pipelines import in_threads

CLIPS = 4
MUTANT_ROUNDS = 40

# A bare decrement counts `total_moments_generated` down.
PIPELINES = f"""
WITH a AS (INSERT INTO prompts (user_prompt, system_prompt, prompt_hash) VALUES ('', '', 'a')
           RETURNING id),
b AS (INSERT INTO generation_configs (prompt_id, model, operation_type, config_hash)
      SELECT id, 'm', 'generation', 'b' FROM a RETURNING id),
c AS (INSERT INTO videos (identifier, cloud_url)
      SELECT 'video-' || n, 'file:///' || n FROM generate_series(1, :rounds) AS n
      RETURNING id, identifier)
INSERT INTO pipeline_history (identifier, video_id, generation_config_id, pipeline_type, status,
                              started_at, total_moments_generated)
SELECT 'pipeline:' || c.identifier, c.id, b.id, 'clips_only', 'running', now(), {CLIPS} FROM b, c
"""
# In every run: four clips at work, each there twice: with the lease that holds, and as the
# duplicate that was overtaken; and the video's thumbnail, which ends the run if it is last.
STAGE_RUNS = f"""
WITH e AS (INSERT INTO stage_runs (run_id, stage, subject, topic, message, status, attempt,
                              lease_token, lease_expires_at)
      SELECT r.id, CASE n WHEN 0 THEN 'make_thumbnail' ELSE 'cut_clip' END, 'moment-' || n,
             'moment-found', '{{}}', 'running', 2, gen_random_uuid(), now() + interval '1 hour'
      FROM runs r, generate_series(0, {CLIPS}) AS n RETURNING id, stage, run_id, lease_token)
SELECT e.id AS stage_run, e.stage, r.id, r.identifier, e.lease_token AS token, false AS overtaken
FROM e JOIN runs r ON r.id = e.run_id
UNION ALL SELECT e.id, e.stage, r.id, r.identifier, gen_random_uuid(), true
FROM e JOIN runs r ON r.id = e.run_id WHERE e.stage = 'cut_clip'
ORDER BY id, stage_run, overtaken
"""


@dataclass
class Result:
    """Counts over all rounds: never ended or miscounted; ended twice; refused duplicates."""

    lost: int
    doubled: int
    refused: int


def race(world: FaultWorld, rounds: int, *, counted: bool = True) -> Result:
    """In each round four clips, four overtaken duplicates and a thumbnail finish at once."""
    with world.engine.begin() as connection:
        connection.execute(text(PIPELINES), {"rounds": rounds})
        rows = connection.execute(text(STAGE_RUNS)).all()
    parties = 2 * CLIPS + 1
    assert len(rows) == parties * rounds
    together = threading.Barrier(parties)
    ends: Counter[int] = Counter()
    refused: Counter[bool] = Counter()
    lock = threading.Lock()

    def finish_all(which: int) -> None:
        for number in range(rounds):
            row = rows[parties * number + which]
            job = _job(world, row)
            together.wait(PATIENCE_SECONDS)
            try:
                with job.finish() as done:
                    if counted and row.stage == cut_clip.name:
                        count_clip(done.session, job.run.id)
            except LeaseLost:
                refused[row.overtaken] += 1
            with lock:
                ends[row.id] += bool(job.ended and job.ended.run_ended)

    in_threads(*[partial(finish_all, which) for which in range(parties)])
    right = [
        pipeline.status == "completed"
        and pipeline.total_clips_created == (CLIPS if counted else None)
        for pipeline in world.pipelines()
    ]
    lost = rounds - sum(right) + sum(count == 0 for count in ends.values())
    assert not refused[False]
    return Result(lost, sum(count > 1 for count in ends.values()), refused[True])


def _job(world: FaultWorld, row: Any) -> Job:
    run = RunIdentity(row.id, row.identifier, "clips_only")
    claim = Claim(row.stage_run, row.token, 2, run)
    stage = cut_clip if row.stage == cut_clip.name else make_thumbnail
    job: Job = stage.job(world.context, stage, claim, Heartbeat(world.context, claim), Path())
    return job


@sizes(quick=100, full=2000)
def test_fan_in_ends_the_run_once_when_four_clips_finish_together(
    size: int, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """No run is lost or doubled, no clip miscounted; every overtaken duplicate is refused."""
    result = race(make_world(), size)
    counts.faults["overtaken duplicate"] = result.refused
    counts.lost, counts.doubled = result.lost, result.doubled
    assert result == Result(lost=0, doubled=0, refused=CLIPS * size)


def _without_lock(session: Session, run_id: int) -> Run | None:
    return session.execute(select(Run).where(Run.id == run_id)).scalar_one_or_none()


def _without_fence(session: Session, claim: Claim) -> Run:
    run = lock_run(session, claim.run.id)
    assert run is not None
    return run


def _decrement(session: Session, run: Run, clock: Clock) -> bool:
    left = session.execute(
        update(PipelineHistory)
        .where(PipelineHistory.id == run.pipeline_history_id)
        .values(total_moments_generated=PipelineHistory.total_moments_generated - 1)
        .returning(PipelineHistory.total_moments_generated)
    ).scalar_one()
    if left is None or left > 0:
        return False
    session.execute(
        update(Run).where(Run.id == run.id).values(status="completed", completed_at=clock.now())
    )
    return True


@pytest.mark.parametrize(
    ("mutant", "harm"),
    [
        ({"lock_run": _without_lock}, "lost"),
        ({"fenced": _without_fence, "end_if_done": _decrement}, "doubled"),
    ],
    ids=["counting without the lock", "a bare decrement"],
)
def test_race_catches_each_wrong_way_to_count(
    mutant: dict[str, Any], harm: str, database_url: str, tmp_path: Path, seed: int
) -> None:
    """Each wrong way to count loses or doubles runs in this race."""
    world = FaultWorld(database_url, tmp_path, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in mutant.items():
            patch.setattr(finishing, name, value)
        # Counting the clips would lock one row for all, and so hide what a missing lock does.
        result = race(world, MUTANT_ROUNDS, counted=False)
    world.close()
    print(result)
    assert getattr(result, harm) > 0
