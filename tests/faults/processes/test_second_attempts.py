"""A second attempt leaves the same results as a first, in every stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from shared.pipeline.job import Job
from tests.faults.deliveries.test_orders import STATE
from tests.support.faults.report import Counts
from tests.support.faults.world import FaultWorld


def test_second_attempt_leaves_the_results_of_a_first(
    make_world: Callable[..., FaultWorld], monkeypatch: pytest.MonkeyPatch, counts: Counts
) -> None:
    """Each stage fails once after its work: transcript, moments, clips, thumbnails exist.

    They equal those of a video without faults.
    """
    world = make_world()
    world.drop()
    world.settle(workers=1)
    finish = Job.finish

    def finish_the_second_time(job: Job, **options: Any) -> Any:
        if job.claim.attempt == 1:
            counts.faults["failed finish"] += 1
            raise OSError("for now")
        return finish(job, **options)

    monkeypatch.setattr(Job, "finish", finish_the_second_time)
    world.drop()
    world.settle(workers=1)
    with world.engine.connect() as connection:
        undisturbed, repeated = connection.execute(text(STATE)).scalars()
    assert repeated == undisturbed
    assert undisturbed["pictures"] == len(undisturbed["clips"]) + 1 > 1
    attempts = {(run.run_id, run.attempt) for run in world.runs()}
    assert [attempt for _, attempt in sorted(attempts)] == [1, 2]
