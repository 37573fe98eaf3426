"""Unexpected errors: after the commit, in the commit, and those that end a process."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from shared.errors import Reject
from shared.messages.base import Message
from shared.messages.upkeep import SweepRequested
from shared.messaging.delivery import Delivery, Outcome
from shared.pipeline.context import Context
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.stage import task
from tests.support.error_codes import NOISE
from tests.support.pipelines.pipelines import World, in_threads
from tests.support.pipelines.plan import raising
from tests.support.pipelines.stages import probed


def test_runtime_publishes_when_a_stage_raises_after_its_commit(world: World) -> None:
    """Committed work is published and acknowledged."""
    world.plan.hooks["cut.after"] = world.plan.hooks["split.after"] = raising(OSError("too late"))
    pipeline = world.begin()
    assert set(world.run(pipeline)) == {Outcome.DONE}
    assert world.history(pipeline).status == "completed"
    assert len(world.objects()) == 2


def test_runtime_abandons_a_stage_run_of_a_failed_run(world: World) -> None:
    """A stage run released while its run failed is abandoned, and the run ends."""
    pipeline = world.begin()
    world.deliver("split", probed(pipeline))
    first, second = world.publisher.take()

    def hear(message: Any, job: Job) -> None:
        if message.index == 0:
            assert world.receive(second) == [Outcome.REJECTED]
            raise OSError("for now")
        raise Reject(NOISE, "It is only noise.")

    world.plan.hooks["hear"] = hear
    assert world.receive(first) == [Outcome.RETRY]
    assert world.statuses(pipeline, "hear") == ["queued", "failed"]
    assert world.receive(first) == [Outcome.REJECTED]
    assert world.statuses(pipeline, "hear") == ["skipped", "failed"]
    assert world.history(pipeline).status == "failed"
    assert world.retry(pipeline) == 2


@pytest.mark.parametrize("made", [True, False])
def test_runtime_keeps_files_only_if_the_raising_commit_was_made(world: World, made: bool) -> None:
    """The files of a made commit stay; those of a failed one are deleted."""
    pipeline = world.begin()
    world.plan.moments = 1
    world.plan.hooks["cut.finish"] = lambda message, job: _break_commit(job, after=made)
    outcomes = world.run(pipeline)
    assert outcomes[-1] is (Outcome.BUSY if made else Outcome.RETRY)
    world.plan.hooks.clear()
    assert world.statuses(pipeline, "cut") == ["completed" if made else "queued"]
    assert len(world.objects()) - len(world.runs(pipeline, "hear")) == (1 if made else 0)
    (cut,) = world.runs(pipeline, "cut")
    message = world.context.topology.messages[cut.topic].model_validate(cut.message)
    again = world.deliver("cut", message)
    assert again is (Outcome.DUPLICATE if made else Outcome.DONE)
    world.drain()
    assert world.history(pipeline).status == "completed"
    assert len(world.objects()) == 1


def _break_commit(job: Job, *, after: bool) -> None:
    with job.read() as session:
        name = "after_commit" if after else "before_commit"
        event.listen(session, name, _connection_lost, once=True)


def _connection_lost(session: Session) -> None:
    raise ConnectionError("the connection was lost")


def test_runtime_replaces_sessions_that_the_server_ended(world: World, engine: Engine) -> None:
    """Connections may die pooled, between deliveries or during the work; no attempt is spent."""
    world.plan.hooks["split"] = lambda message, job: _end_other_sessions(engine)
    pipeline = world.begin()
    _end_other_sessions(engine)
    assert world.deliver("split", probed(pipeline)) is Outcome.DONE
    assert [run.attempt for run in world.runs(pipeline, "split")] == [1]


def _end_other_sessions(engine: Engine) -> None:
    """End sessions like a restart or fail-over; returns once they are gone."""
    end = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    others = "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with engine.connect() as connection:
        ended = list(connection.execute(text(end + others)).scalars())
    assert ended
    assert all(ended)


@pytest.mark.parametrize("error", [SystemExit(1), KeyboardInterrupt()])
def test_runtime_counts_a_process_ending_error_as_a_failed_attempt_in_a_thread(
    world: World, error: BaseException
) -> None:
    """The delivery is refused, and the lease released."""
    world.plan.hooks["split"] = raising(error)
    pipeline = world.begin()
    assert in_threads(lambda: world.deliver("split", probed(pipeline))) == [Outcome.RETRY]
    (run,) = world.runs(pipeline)
    assert (run.status, run.error_code, run.attempt) == ("queued", "interrupted", 1)


def test_runtime_releases_the_lease_when_the_process_ends(world: World) -> None:
    """In the main thread the error ends the process, after the heartbeat has stopped."""
    world.plan.hooks["split"] = raising(KeyboardInterrupt())
    pipeline = world.begin()
    with pytest.raises(KeyboardInterrupt):
        world.deliver("split", probed(pipeline))
    assert world.statuses(pipeline, "split") == ["queued"]
    assert not [t for t in threading.enumerate() if t.name.startswith("heartbeat")]


def test_runtime_records_an_error_when_a_stage_does_not_finish(world: World) -> None:
    """It is recorded and tried again."""
    pipeline = world.begin()
    forgetful = replace(world.context.topology.stage("split"), handler=_return)
    assert world.runtime.handle(forgetful, Delivery(probed(pipeline))) is Outcome.RETRY
    (run,) = world.runs(pipeline)
    assert "without finishing" in (run.error_message or "")


def _return(message: Message, job: Job) -> None:
    """Return without finishing."""


def test_runtime_refuses_an_undeclared_message(world: World) -> None:
    """It is an error of the stage, and nothing is committed."""
    pipeline = world.begin()
    run = world.take_lease("split", probed(pipeline))
    stage = world.context.topology.stage("split")
    job = Job(world.context, stage, run, Heartbeat(world.context, run), Path())
    with pytest.raises(TypeError, match="VideoProbed"), job.finish() as done:
        done.emit(probed(pipeline))
    assert world.statuses(pipeline, "split") == ["running"]


def test_runtime_records_a_failed_attempt_when_the_disk_is_full(
    world: World, tmp_path: Path
) -> None:
    """Without a working folder, the lease is released at once."""
    (tmp_path / "full").write_bytes(b"")
    world.context.work_root = tmp_path / "full"
    pipeline = world.begin()
    assert world.deliver("split", probed(pipeline)) is Outcome.RETRY
    (run,) = world.runs(pipeline)
    assert (run.status, run.error_code) == ("queued", "transient")


def test_stage_needs_one_connection_at_a_time(database_url: str, tmp_path: Path) -> None:
    """No stage waits for a second connection while it holds one, even in its finish."""
    world = World(database_url, tmp_path, pool_size=1)
    pipeline = world.begin()
    assert set(world.run(pipeline)) == {Outcome.DONE}
    assert world.history(pipeline).status == "completed"
    world.close()


def test_task_runs_without_a_ledger_row(world: World) -> None:
    """If it raises, the delivery is refused and comes again."""
    errors = [OSError("for now")]

    @task(does="working", consumes=[SweepRequested])
    def look(message: SweepRequested, context: Context) -> None:
        if errors:
            raise errors.pop()

    outcomes = [world.runtime.handle(look, Delivery(SweepRequested())) for _ in range(2)]
    assert outcomes == [Outcome.RETRY, Outcome.DONE]
