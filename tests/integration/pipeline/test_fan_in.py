"""The last two of many siblings finish at once, a thousand times."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from shared.messages.transcripts import VideoTranscribed
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.ledger.claim import Claim, RunIdentity
from tests.support.patience import PATIENCE_SECONDS
from tests.support.pipelines.pipelines import World, in_threads

ROUNDS = 1000
SIBLINGS = 3

PIPELINES = f"""
WITH a AS (INSERT INTO prompts (user_prompt, system_prompt, prompt_hash) VALUES ('', '', 'a')
           RETURNING id),
b AS (INSERT INTO generation_configs (prompt_id, model, operation_type, config_hash)
      SELECT id, 'm', 'generation', 'b' FROM a RETURNING id),
c AS (INSERT INTO videos (identifier, cloud_url)
      SELECT 'video-' || n, 'file:///' || n FROM generate_series(1, {ROUNDS}) AS n
      RETURNING id, identifier)
INSERT INTO pipeline_history
    (identifier, video_id, generation_config_id, pipeline_type, status, started_at)
SELECT 'pipeline:' || c.identifier, c.id, b.id, 'full', 'running', now() FROM b, c
"""
# In every run: one sibling done, two at work under leases of ours.
STAGE_RUNS = f"""
WITH e AS (INSERT INTO stage_runs (run_id, stage, subject, topic, message, status, attempt,
                              lease_token, lease_expires_at, result)
      SELECT r.id, 'hear', r.identifier || n, 'audio-sliced', '{{}}',
             CASE WHEN n = 0 THEN 'completed' ELSE 'running' END, 1,
             CASE WHEN n > 0 THEN gen_random_uuid() END, now() + interval '1 hour', '{{"n": 0}}'
      FROM runs r, generate_series(0, {SIBLINGS - 1}) AS n RETURNING id, run_id, lease_token)
SELECT e.id AS stage_run, e.lease_token AS token, r.id, r.identifier
FROM e JOIN runs r ON r.id = e.run_id WHERE e.lease_token IS NOT NULL ORDER BY r.id, e.id
"""


def _job(world: World, row: Any) -> Job:
    claim = Claim(row.stage_run, row.token, 1, RunIdentity(row.id, row.identifier, "full"))
    stage = world.context.topology.stage("hear")
    return Job(world.context, stage, claim, Heartbeat(world.context, claim), Path())


@pytest.mark.slow
def test_fan_in_joins_once_when_the_last_two_siblings_finish_together(world: World) -> None:
    """Exactly one of the two joins, with every result."""
    with world.engine.begin() as connection:
        connection.execute(text(PIPELINES))
        rows = connection.execute(text(STAGE_RUNS)).all()
    assert len(rows) == 2 * ROUNDS
    together = threading.Barrier(2)

    def finish_all(which: int) -> list[int]:
        """The rounds in which this thread's sibling was the last one."""
        joined = []
        for number in range(ROUNDS):
            job = _job(world, rows[2 * number + which])
            together.wait(timeout=PATIENCE_SECONDS)
            with job.finish() as done:
                done.result = {"n": which}
                if done.is_last_sibling():
                    assert len(done.sibling_results()) == SIBLINGS
                    name = job.run.identifier
                    done.emit(VideoTranscribed(pipeline=name, video="v", has_speech=True))
                    joined.append(number)
        return joined

    first, second = in_threads(lambda: finish_all(0), lambda: finish_all(1))
    lost = set(range(ROUNDS)) - set(first) - set(second)
    doubled = set(first) & set(second)
    assert (len(lost), len(doubled)) == (0, 0)
    # Each of the two was the last one now and then: they did meet.
    assert min(len(first), len(second)) > ROUNDS // 50
    with world.engine.connect() as connection:
        queued = connection.execute(
            text("SELECT count(*) FROM stage_runs WHERE stage = 'choose' AND status = 'queued'")
        ).scalar_one()
    assert queued == ROUNDS
