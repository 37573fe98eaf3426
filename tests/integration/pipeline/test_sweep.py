"""The sweep resumes everything that was forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, update

from shared.db.models import PipelineHistory, StageRun
from shared.errors import PublishFailed, Reject
from shared.messaging.delivery import Outcome
from shared.pipeline.context import Context
from shared.pipeline.upkeep import republish
from shared.pipeline.upkeep.cleanup import not_cleaned_up
from shared.pipeline.upkeep.sweep import SweepReport, sweep
from tests.support.error_codes import NOISE
from tests.support.pipelines.pipelines import World, in_threads
from tests.support.pipelines.plan import raising
from tests.support.pipelines.stages import probed

NOTHING = SweepReport(0, 0, 0, 0, 0)


def test_sweep_frees_an_expired_lease_and_publishes_again(world: World) -> None:
    """A silent worker loses its stage run at the next sweep after the lease, not before."""
    pipeline = world.begin()
    run = world.take_lease("split", probed(pipeline))
    assert sweep(world.context) == NOTHING
    world.advance(world.context.policy.lease_seconds + 1)
    assert sweep(world.context) == SweepReport(
        freed=1, abandoned=0, published=1, ended=0, cleaned_up=0
    )
    (row,) = world.runs(pipeline)
    assert (row.id, row.status, row.attempt) == (run.stage_run_id, "queued", 1)
    assert row.error_code == "lease_expired"
    assert sweep(world.context) == NOTHING
    world.drain()
    assert world.history(pipeline).status == "completed"


def test_sweep_publishes_old_messages_once_per_interval(world: World) -> None:
    """Young messages wait; `at_once` publishes all."""
    old = world.begin()
    world.advance(world.context.policy.republish_seconds + 1)
    young = world.begin()
    assert sweep(world.context).published == 1
    (sent,) = world.publisher.take()
    assert old.encode() in sent.body
    assert sent.attributes["stage"] == "split"
    assert sweep(world.context) == NOTHING
    assert sweep(world.context, at_once=True).published == 2
    assert any(young.encode() in sent.body for sent in world.publisher.take())
    world.advance(world.context.policy.republish_seconds + 1)
    assert sweep(world.context).published == 2


def test_sweep_publishes_all_waiting_messages_in_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is published once, in any number of batches."""
    monkeypatch.setattr(republish, "BATCH", 2)
    pipelines = [world.begin() for _ in range(5)]
    assert sweep(world.context, at_once=True).published == 5
    assert len({sent.body for sent in world.publisher.take()}) == 5
    assert all(run.published_at for name in pipelines for run in world.runs(name))


def test_sweep_publishes_refused_messages_at_the_next_sweep(world: World) -> None:
    """A broker that is away costs one sweep, no more."""
    world.begin()
    world.advance(world.context.policy.republish_seconds + 1)
    world.publisher.refusing = 1
    with pytest.raises(Exception, match="away"):
        sweep(world.context)
    assert sweep(world.context).published == 1


def test_sweep_does_its_other_duties_when_it_cannot_publish(world: World) -> None:
    """It still ends runs and cleans up."""
    done, _ = world.begin(), world.begin()
    world.run(done)
    with world.context.session() as session, session.begin():
        running = update(PipelineHistory).values(status="running", completed_at=None)
        session.execute(running.where(PipelineHistory.identifier == done))
    world.advance(world.context.policy.republish_seconds + 1)
    world.publisher.refusing = 1
    with pytest.raises(PublishFailed):
        sweep(world.context)
    assert world.history(done).status == "completed"


def test_sweep_reaches_every_run_when_some_cannot_be_cleaned_up(world: World) -> None:
    """Each has its turn, however few one sweep looks at."""
    for _ in range(3):
        pipeline = world.begin()
        world.run(pipeline)
    with world.context.session() as session, session.begin():
        session.execute(update(StageRun).values(result={"left": True}))
    found = {identifier for _ in range(100) for identifier in not_cleaned_up(world.context, 1)}
    assert len(found) == 3


def test_sweep_keeps_backoffs(world: World) -> None:
    """The interval counts from the time of the next attempt."""
    world.plan.hooks["split"] = raising(OSError("for now"))
    pipeline = world.begin()
    world.deliver("split", probed(pipeline))
    wait, republish = (
        world.context.policy.backoff_seconds(1),
        world.context.policy.republish_seconds,
    )
    world.advance(republish + wait - 2)
    assert sweep(world.context) == NOTHING
    world.advance(4)
    assert sweep(world.context).published == 1


def test_sweep_frees_leases_of_dead_owners_at_once(world: World) -> None:
    """Their attempts are given back; live owners keep theirs."""
    dead, living = world.begin(), world.begin()
    world.take_lease("split", probed(dead), owner="dead")
    world.take_lease("split", probed(living), owner="living")
    assert sweep(world.context, dead_owners=["dead"]).freed == 1
    assert [(run.status, run.attempt) for run in world.runs(dead)] == [("queued", 0)]
    assert [(run.status, run.attempt) for run in world.runs(living)] == [("running", 1)]


def test_sweep_fails_a_stage_run_without_attempts_left(world: World) -> None:
    """The run ends."""
    pipeline = world.begin()
    for _ in range(world.context.policy.max_attempts):
        world.take_lease("split", probed(pipeline))
        world.advance(world.context.policy.lease_seconds + 1)
    assert sweep(world.context) == SweepReport(
        freed=1, abandoned=1, published=0, ended=0, cleaned_up=0
    )
    history = world.history(pipeline)
    assert (history.status, history.error_stage) == ("failed", "split")
    assert (history.error_message or "").startswith("Gave up after 5 attempts.")
    (run,) = world.runs(pipeline)
    assert run.metrics["last_error_code"] == "lease_expired"


def test_delivery_fails_a_stage_run_without_attempts_left(world: World) -> None:
    """Its message is acknowledged."""
    pipeline = world.begin()
    for _ in range(world.context.policy.max_attempts):
        world.take_lease("split", probed(pipeline))
        world.advance(world.context.policy.lease_seconds + 1)
    assert world.deliver("split", probed(pipeline)) is Outcome.REJECTED
    assert world.history(pipeline).status == "failed"
    assert sweep(world.context) == NOTHING


def test_sweep_abandons_a_dead_workers_stage_run_of_a_failed_run(world: World) -> None:
    """It is not started again; a retry brings it back."""
    pipeline = world.begin()
    world.deliver("split", probed(pipeline))
    world.plan.hooks["hear"] = raising(Reject(NOISE, "It is only noise."), subject="1")
    first, second = world.publisher.take()
    message = world.context.topology.messages[first.topic].model_validate_json(first.body)
    world.take_lease("hear", message)
    world.receive(second)
    world.advance(world.context.policy.lease_seconds + 1)
    assert sweep(world.context) == SweepReport(
        freed=1, abandoned=1, published=0, ended=0, cleaned_up=0
    )
    assert world.statuses(pipeline, "hear") == ["skipped", "failed"]
    assert world.history(pipeline).status == "failed"
    assert world.retry(pipeline) == 2


def test_sweep_repeats_a_failed_cleanup(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It deletes temporary objects that were left at the end of the run."""
    pipeline = world.begin()
    with monkeypatch.context() as patch:
        patch.setattr(type(world.storage), "delete", _unavailable)
        world.run(pipeline)
    assert world.history(pipeline).status == "completed"
    assert len(world.objects()) == 2 + 2
    assert sweep(world.context).cleaned_up == 1
    assert len(world.objects()) == 2
    assert sweep(world.context) == NOTHING


def _unavailable(storage: Any, url: str) -> bool:
    raise OSError("the store is away")


def test_sweep_ends_a_run_without_work_left(world: World) -> None:
    """It gets the status of its stage runs."""
    pipeline = world.begin()
    world.run(pipeline)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE pipeline_history SET status = 'running'")
        connection.execute(delete(StageRun).where(StageRun.stage == "picture"))
    assert sweep(world.context).ended == 1
    assert world.history(pipeline).status == "completed"


@pytest.mark.parametrize(
    "values", [{"stage": "of_yore"}, {"topic": "of-yore"}, {"message": {"no": "fields"}}]
)
def test_sweep_skips_a_row_that_it_cannot_read(world: World, values: dict[str, Any]) -> None:
    """It logs a warning and serves all others."""
    pipeline, other = world.begin(), world.begin()
    odd = world.runs(pipeline)[0].id
    with world.engine.begin() as connection:
        connection.execute(update(StageRun).where(StageRun.id == odd).values(attempt=9, **values))
    sweep(world.context, at_once=True)
    world.drain()
    assert world.history(other).status == "completed"


def test_concurrent_sweeps_free_each_lease_once(world: World) -> None:
    """Four sweeps at the same time leave every run completed."""
    pipelines = [world.begin() for _ in range(8)]
    for pipeline in pipelines:
        world.take_lease("split", probed(pipeline))
    world.advance(world.context.policy.lease_seconds + 1)
    work: Callable[[], SweepReport] = lambda: sweep(world.context)  # noqa: E731
    swept = in_threads(work, work, work, work)
    assert sum(one.freed for one in swept) == len(pipelines)
    world.drain()
    assert {world.history(pipeline).status for pipeline in pipelines} == {"completed"}
    assert all(run.attempt <= 2 for pipeline in pipelines for run in world.runs(pipeline))


def test_sweep_does_all_else_when_a_chore_fails(world: World) -> None:
    """The other chores and the ledger are served, and then the failure is raised."""
    pipeline = world.begin()
    world.take_lease("split", probed(pipeline))
    world.advance(world.context.policy.lease_seconds + 1)
    done: list[str] = []

    def fail(context: Context) -> int:
        raise TimeoutError("the store is away")

    def tidy(context: Context) -> int:
        done.append(context.owner)
        return 1

    with pytest.raises(TimeoutError, match="the store is away"):
        sweep(world.context, chores={"failing": fail, "tidied": tidy})
    assert done == [world.context.owner]
    assert [message.attributes["stage"] for message in world.publisher.take()] == ["split"]
    assert sweep(world.context, chores={"tidied": tidy}).chores == {"tidied": 1}
