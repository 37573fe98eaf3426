"""The last release and this one, one after the other and at the same time, on the newest schema."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from shared.db import migrate
from shared.messages.transcripts import AudioSliced, VideoTranscribed
from shared.pipeline.heartbeat import Heartbeat
from shared.pipeline.job import Job
from shared.pipeline.upkeep.retry import retry
from shared.pipeline.upkeep.sweep import sweep
from shared.storage.folder.store import FolderStorage
from tests.support.databases.last_release import LastRelease, Taken
from tests.support.pipelines.pipelines import World, in_threads
from tests.support.pipelines.stages import probed, sliced

LAST_REVISION = "0011"
ROUNDS = 150
WAIT_SECONDS = 60
DIFFERENT = """
SELECT p.identifier, p.status, r.status FROM pipeline_history p
LEFT JOIN runs r ON r.pipeline_history_id = p.id
WHERE (r.identifier, r.kind, r.status, r.started_at, r.completed_at, r.error_stage,
       r.error_message)
    IS DISTINCT FROM (p.identifier, p.pipeline_type, p.status, p.started_at, p.completed_at,
       p.error_stage, p.error_message)
"""
WITHOUT_RUN = """
SELECT count(*) FROM {table} t LEFT JOIN runs r ON r.id = t.run_id
WHERE r.pipeline_history_id IS DISTINCT FROM t.pipeline_id
"""


@pytest.fixture
def world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """This release on the newest schema."""
    world = World(database_url, tmp_path, pool_size=8)
    yield world
    world.close()


@pytest.fixture
def last(world: World) -> LastRelease:
    """The last release on the same database."""
    return LastRelease(world.engine)


def assert_in_step(engine: Engine) -> None:
    """Each row of the history has its run, alike, and all that refers to one refers to both."""
    with engine.connect() as connection:
        assert connection.execute(text(DIFFERENT)).all() == []
        for table in ("stage_runs", "ai_requests"):
            assert connection.execute(text(WITHOUT_RUN.format(table=table))).scalar_one() == 0


def begun(last: LastRelease, number: int) -> str:
    """A run of the last release, with `split` queued."""
    last.begin(f"pipeline:video-{number}", "split", probed(f"pipeline:video-{number}"))
    return f"pipeline:video-{number}"


def claimed_split(last: LastRelease, pipeline: str) -> Taken:
    """The last release begins `split`."""
    return last.claim(pipeline, "split", probed(pipeline).subject)


def slices_of(folder: Path, pipeline: str, count: int) -> list[AudioSliced]:
    """The messages of a split, and their objects in the store of `World`."""
    sound = folder / "sound"
    sound.write_bytes(b"sound")
    url = f"file://{folder / 'buckets'}/derived/temporary/{pipeline.rpartition('-')[2]}.wav"
    FolderStorage(folder / "buckets").upload(sound, url, content_type="audio/wav")
    return [sliced(pipeline, index, count, url) for index in range(count)]


def transcribed(pipeline: str) -> VideoTranscribed:
    """The message by which the last slice's transcription goes on."""
    return VideoTranscribed(pipeline=pipeline, video="v", has_speech=True)


def test_upgrade_keeps_everything_in_flight(
    empty_database_engine: Engine, empty_database_url: str, tmp_path: Path
) -> None:
    """Upgraded with runs in every state: those in flight end, a failed one can be retried."""
    migrate.upgrade(empty_database_engine, LAST_REVISION)
    last = LastRelease(empty_database_engine)
    queued, working, failed, completed, divided = (begun(last, n) for n in range(5))
    claimed_split(last, working)
    last.fail(claimed_split(last, failed))
    last.finish(claimed_split(last, completed))
    slices = slices_of(tmp_path, divided, 2)
    last.finish(claimed_split(last, divided), [("hear", message) for message in slices])
    last.finish(last.claim(divided, "hear", slices[0].subject))
    last.record_orphan("split", "a file")
    last.reserve_call(1, tokens=7)

    migrate.upgrade(empty_database_engine)
    assert_in_step(empty_database_engine)
    world = World(empty_database_url, tmp_path)
    world.plan.slices = 0
    assert [world.history(name).status for name in (failed, completed)] == ["failed", "completed"]
    world.advance(world.context.policy.lease_seconds + 1)
    sweep(world.context, at_once=True)
    world.drain()
    ends = [world.history(name).status for name in (queued, working, divided)]
    assert ends == ["completed"] * 3
    assert world.statuses(divided, "hear") == ["completed"] * 2
    assert retry(world.context, failed) == 1
    world.drain()
    assert world.history(failed).status == "completed"
    assert [run.subject for run in world.runs_of_all() if run.run_id is None] == ["a file"]
    assert_in_step(world.engine)
    world.close()


def test_last_release_ends_its_runs_on_the_new_schema(
    world: World, last: LastRelease, tmp_path: Path
) -> None:
    """It begins, claims, fans out and in, and ends a run; triggers keep `runs` in step."""
    pipeline = begun(last, 1)
    assert_in_step(world.engine)
    slices = slices_of(tmp_path, pipeline, 2)
    joins = [("choose", transcribed(pipeline))]
    last.finish(claimed_split(last, pipeline), [("hear", message) for message in slices])
    first, second = (last.claim(pipeline, "hear", message.subject) for message in slices)
    assert last.finish(first, joins=joins) == (False, False)
    assert last.finish(second, joins=joins) == (True, False)
    assert last.due() == [("choose", transcribed(pipeline).subject)]
    choosing = last.claim(pipeline, "choose", transcribed(pipeline).subject)
    assert world.run_of(pipeline).status == "running"
    assert last.finish(choosing, clip=True) == (True, True)
    run, history = world.run_of(pipeline), world.history(pipeline)
    assert (run.status, run.completed_at) == ("completed", history.completed_at)
    assert history.total_clips_created == 1
    assert_in_step(world.engine)


def test_last_release_fails_and_retries_on_the_new_schema(world: World, last: LastRelease) -> None:
    """Its failure, its retry and its failures outside any run count as they did."""
    pipeline = begun(last, 1)
    taken = claimed_split(last, pipeline)
    assert last.fail(taken)
    assert (world.run_of(pipeline).status, world.run_of(pipeline).error_stage) == (
        "failed",
        "split",
    )
    assert last.reopen(taken.pipeline) == 1
    assert (world.run_of(pipeline).status, world.run_of(pipeline).error_stage) == ("running", None)
    last.record_orphan("split", "a file")
    last.record_orphan("split", "a file")
    (orphan,) = [run for run in world.runs_of_all() if run.run_id is None]
    assert orphan.attempt == 2
    assert [last.reserve_call(taken.pipeline, tokens=3) for _ in range(2)] == [3, 6]
    assert_in_step(world.engine)
    with world.engine.begin() as connection:
        connection.execute(text("DELETE FROM videos"))
        for table in ("runs", "ai_requests"):
            assert connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    assert [run.id for run in world.runs_of_all()] == [orphan.id]


def test_releases_hand_a_run_to_each_other(world: World, last: LastRelease, tmp_path: Path) -> None:
    """This release goes on with a run of the last one, which ends a run of this one."""
    theirs, ours = begun(last, 7), world.begin()
    slices = slices_of(tmp_path, theirs, 2)
    last.finish(claimed_split(last, theirs), [("hear", message) for message in slices])
    for message in slices:
        world.deliver("hear", message)
    world.drain()
    assert world.history(theirs).status == "completed"
    world.plan.slices = 0
    world.deliver("split", probed(ours))
    world.publisher.take()
    (subject,) = [subject for stage, subject in last.due() if stage == "choose"]
    assert last.finish(last.claim(ours, "choose", subject)) == (True, True)
    assert (world.run_of(ours).status, world.history(ours).status) == ("completed",) * 2
    assert_in_step(world.engine)


def test_siblings_of_two_releases_join_exactly_once(
    world: World, last: LastRelease, tmp_path: Path
) -> None:
    """The last two slices end at once, one under each release: one joins, and the run ends once."""
    pipelines = [begun(last, number) for number in range(ROUNDS)]
    theirs, ours = [], []
    for pipeline in pipelines:
        slices = slices_of(tmp_path, pipeline, 2)
        last.finish(claimed_split(last, pipeline), [("hear", message) for message in slices])
        theirs.append(last.claim(pipeline, "hear", slices[0].subject))
        ours.append(world.take_lease("hear", slices[1]))
    together = threading.Barrier(2)

    def finish_theirs() -> list[bool]:
        joined = []
        for taken, pipeline in zip(theirs, pipelines, strict=True):
            together.wait(WAIT_SECONDS)
            joined.append(last.finish(taken, joins=[("choose", transcribed(pipeline))])[0])
        return joined

    def finish_ours() -> list[bool]:
        joined = []
        for claim, pipeline in zip(ours, pipelines, strict=True):
            stage = world.context.topology.stage("hear")
            job = Job(world.context, stage, claim, Heartbeat(world.context, claim), tmp_path)
            together.wait(WAIT_SECONDS)
            with job.finish() as done:
                joined.append(done.is_last_sibling())
                if joined[-1]:
                    done.emit(transcribed(pipeline))
        return joined

    by_last, by_this = in_threads(finish_theirs, finish_ours)
    assert [left + right for left, right in zip(by_last, by_this, strict=True)] == [1] * ROUNDS
    # Each of the two was the last one now and then: they did meet.
    assert min(sum(by_last), sum(by_this)) > ROUNDS // 50
    assert [world.statuses(pipeline, "choose") for pipeline in pipelines] == [["queued"]] * ROUNDS
    ends = in_threads(
        lambda: [
            last.finish(last.claim(name, "choose", transcribed(name).subject))[1]
            for name in pipelines[::2]
        ],
        lambda: [world.deliver("choose", transcribed(name)) for name in pipelines[1::2]],
    )
    assert all(ends[0])
    world.drain()
    assert {world.history(pipeline).status for pipeline in pipelines} == {"completed"}
    assert_in_step(world.engine)


def test_upgrade_fills_rows_that_a_worker_has_locked(empty_database_engine: Engine) -> None:
    """A row that is locked while the others are filled is filled once it is free."""
    migrate.upgrade(empty_database_engine, LAST_REVISION)
    last = LastRelease(empty_database_engine)
    for number in range(3):
        begun(last, number)
    migrate.upgrade(empty_database_engine, "0012")
    unfilled = text("SELECT count(*) FROM stage_runs WHERE run_id IS NULL")
    # The rows that the last release wrote before the upgrade: without a run yet.
    with empty_database_engine.connect() as connection:
        assert connection.execute(unfilled).scalar_one() == 3
    with ThreadPoolExecutor(1) as pool:
        with empty_database_engine.begin() as worker:
            worker.execute(
                text("SELECT FROM stage_runs WHERE subject = :name FOR UPDATE"),
                {"name": probed("pipeline:video-1").subject},
            )
            upgrade = pool.submit(migrate.upgrade, empty_database_engine)
            with empty_database_engine.connect() as connection:
                while connection.execute(unfilled).scalar_one() > 1:
                    assert not upgrade.done()
            assert not upgrade.done()
        upgrade.result(WAIT_SECONDS)
    assert_in_step(empty_database_engine)
    assert migrate.current(empty_database_engine) == migrate.head()
