"""Number 2: the four clips of a pipeline end at once, with duplicates, and two wrong ways to count.

A wrong way that this race does not catch would make it worthless, so two are part of the test.
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
from shared.db.models import PipelineHistory
from shared.errors import LeaseLost
from shared.pipeline.clock import Clock
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.ledger import finish as finishing
from shared.pipeline.ledger.claim import Claim, PipelineFacts
from shared.pipeline.ledger.pipeline_state import lock_pipeline
from tests.support.faults.report import Counts, sizes
from tests.support.faults.world import FaultWorld
from tests.support.patience import PATIENCE_SECONDS
from tests.support.pipelines.pipelines import in_threads

CLIPS = 4
MUTANT_ROUNDS = 40

# Every pipeline: four clips at work, each there twice: with the lease that holds, and as the
# duplicate that was overtaken; and the video's thumbnail, which ends the pipeline if it is last.
# `total_moments_generated` is what a bare decrement counts down.
SET_UP = f"""
WITH a AS (INSERT INTO prompts (user_prompt, system_prompt, prompt_hash) VALUES ('', '', 'a')
           RETURNING id),
b AS (INSERT INTO generation_configs (prompt_id, model, operation_type, config_hash)
      SELECT id, 'm', 'generation', 'b' FROM a RETURNING id),
c AS (INSERT INTO videos (identifier, cloud_url)
      SELECT 'video-' || n, 'file:///' || n FROM generate_series(1, :rounds) AS n
      RETURNING id, identifier),
d AS (INSERT INTO pipeline_history (identifier, video_id, generation_config_id, pipeline_type,
                                    status, started_at, total_moments_generated)
      SELECT 'pipeline:' || c.identifier, c.id, b.id, 'clips_only', 'running', now(), {CLIPS}
      FROM b, c RETURNING id, identifier, video_id, generation_config_id),
e AS (INSERT INTO stage_runs (pipeline_id, stage, subject, topic, message, status, attempt,
                              lease_token, lease_expires_at)
      SELECT d.id, CASE n WHEN 0 THEN 'make_thumbnail' ELSE 'cut_clip' END, 'moment-' || n,
             'moment-found', '{{}}', 'running', 2, gen_random_uuid(), now() + interval '1 hour'
      FROM d, generate_series(0, {CLIPS}) AS n RETURNING id, stage, pipeline_id, lease_token)
SELECT e.id AS run, e.stage, d.*, e.lease_token AS token, false AS overtaken FROM e
JOIN d ON d.id = e.pipeline_id
UNION ALL SELECT e.id, e.stage, d.*, gen_random_uuid(), true FROM e
JOIN d ON d.id = e.pipeline_id WHERE e.stage = 'cut_clip'
ORDER BY id, run, overtaken
"""


@dataclass
class Result:
    """Of so many rounds: never ended or miscounted; ended more than once; refused duplicates."""

    lost: int
    doubled: int
    refused: int


def race(world: FaultWorld, rounds: int) -> Result:
    """In each round four clips, their four overtaken duplicates and a thumbnail finish at once."""
    with world.engine.begin() as connection:
        rows = connection.execute(text(SET_UP), {"rounds": rounds}).all()
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
                    if row.stage == cut_clip.name:
                        done.pipeline.total_clips_created = (
                            done.pipeline.total_clips_created or 0
                        ) + 1
            except LeaseLost:
                refused[row.overtaken] += 1
            with lock:
                ends[row.id] += bool(job.ended and job.ended.pipeline_ended)

    in_threads(*[partial(finish_all, which) for which in range(parties)])
    right = [
        pipeline.status == "completed" and pipeline.total_clips_created == CLIPS
        for pipeline in world.pipelines()
    ]
    lost = rounds - sum(right) + sum(count == 0 for count in ends.values())
    assert not refused[False]
    return Result(lost, sum(count > 1 for count in ends.values()), refused[True])


def _job(world: FaultWorld, row: Any) -> Job:
    facts = PipelineFacts(
        row.id, row.identifier, "clips_only", row.video_id, row.generation_config_id
    )
    run = Claim(row.run, row.token, 2, facts)
    stage = cut_clip if row.stage == cut_clip.name else make_thumbnail
    job: Job = stage.job(world.context, stage, run, Heartbeat(world.context, run), Path())
    return job


@sizes(quick=100, full=2000)
def test_the_last_of_four_clips_ends_the_pipeline_once(
    size: int, make_world: Callable[..., FaultWorld], counts: Counts
) -> None:
    """None lost, none doubled, no clip miscounted, and every overtaken duplicate refused."""
    result = race(make_world(), size)
    counts.faults["overtaken duplicate"] = result.refused
    counts.lost, counts.doubled = result.lost, result.doubled
    assert result == Result(lost=0, doubled=0, refused=CLIPS * size)


def _without_lock(session: Session, pipeline_id: int) -> PipelineHistory | None:
    return session.execute(
        select(PipelineHistory).where(PipelineHistory.id == pipeline_id)
    ).scalar_one_or_none()


def _without_fence(session: Session, run: Claim) -> PipelineHistory:
    pipeline = lock_pipeline(session, run.pipeline.id)
    assert pipeline is not None
    return pipeline


def _decrement(session: Session, pipeline: PipelineHistory, clock: Clock) -> bool:
    left = session.execute(
        update(PipelineHistory)
        .where(PipelineHistory.id == pipeline.id)
        .values(total_moments_generated=PipelineHistory.total_moments_generated - 1)
        .returning(PipelineHistory.total_moments_generated)
    ).scalar_one()
    if left is None or left > 0:
        return False
    session.execute(
        update(PipelineHistory)
        .where(PipelineHistory.id == pipeline.id)
        .values(status="completed", completed_at=clock.now())
    )
    return True


@pytest.mark.parametrize(
    ("mutant", "harm"),
    [
        ({"lock_pipeline": _without_lock}, "lost"),
        ({"fenced": _without_fence, "end_if_done": _decrement}, "doubled"),
    ],
    ids=["counting without the lock", "a bare decrement"],
)
def test_the_race_catches_what_counts_wrongly(
    mutant: dict[str, Any], harm: str, database_url: str, tmp_path: Path, seed: int
) -> None:
    """Each wrong way to count, in the runtime's place, loses or doubles pipelines in this race."""
    world = FaultWorld(database_url, tmp_path, seed=seed)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in mutant.items():
            patch.setattr(finishing, name, value)
        result = race(world, MUTANT_ROUNDS)
    world.close()
    print(result)
    assert getattr(result, harm) > 0
