"""Deleting a video: rows and objects that go or stay, stages that stop, events that come late."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from shared.db.models import Base, Deletion, PipelineHistory, Video
from shared.domain.names import clip_url
from shared.errors import Reject
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import Outcome
from shared.moments import admission
from shared.storage.protocol import ObjectStat
from shared.videos import registration
from shared.videos.deletion import delete_video, forget_deletion
from shared.videos.deletion_rows import DeletionUnderWay, deletion_lock, find_deletion
from tests.support.patience import PATIENCE_SECONDS
from tests.support.pipelines.pipelines import World, in_threads

KEPT = {"generation_configs", "prompts", "deletions"}


@pytest.fixture
def wide_world(database_url: str, tmp_path: Path) -> Iterator[World]:
    """A world with connections for many threads."""
    world = World(database_url, tmp_path, pool_size=10)
    yield world
    world.close()


def drop(world: World, tmp_path: Path, name: str = "talk", content: bytes = b"a video") -> str:
    """Drop a video and run it to its end. Returns its identifier."""
    path = tmp_path / "dropped"
    path.write_bytes(content)
    stat = world.storage.upload(path, f"{world.context.upload_url}/{name}.mp4")
    message = VideoUploaded(source_url=stat.url, generation=stat.generation)
    assert world.deliver("begin", message) is Outcome.DONE
    world.drain()
    with world.context.session() as session:
        found = select(Video.identifier).where(Video.cloud_url == stat.url)
        return session.execute(found.order_by(Video.id.desc()).limit(1)).scalar_one()


def rows(world: World) -> dict[str, int]:
    """Rows by table, without rows that belong to no video."""
    with world.context.session() as session:
        counts = {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
            if table.name not in KEPT
        }
    return {name: count for name, count in counts.items() if count}


def tombstone_of(world: World, video: str) -> Deletion | None:
    """The row that records the deletion."""
    with world.context.session() as session:
        return find_deletion(session, video)


def uploads(world: World) -> list[str]:
    """The objects of the upload bucket."""
    return [stat.url for stat in world.storage.list(f"{world.context.upload_url}/")]


def test_delete_video_deletes_one_video_and_nothing_of_another(
    world: World, tmp_path: Path
) -> None:
    """Its rows and objects are gone, the other's untouched, and both uploads stay."""
    kept = drop(world, tmp_path, "kept")
    rows_before, objects_before = rows(world), world.objects()
    gone = drop(world, tmp_path, "gone")
    deleted = delete_video(world.context, gone)
    assert (deleted.pipelines, deleted.objects, deleted.source, deleted.resumed) == (
        1,
        2,
        False,
        False,
    )
    assert (rows(world), world.objects()) == (rows_before, objects_before)
    assert len(uploads(world)) == 2
    done, untouched = tombstone_of(world, gone), tombstone_of(world, kept)
    assert done is not None
    assert done.completed_at is not None
    assert untouched is None


def test_delete_video_keeps_foreign_files_in_its_folders(world: World, tmp_path: Path) -> None:
    """It deletes a lost attempt's clip without a row; a file with another kind of name stays."""
    video = drop(world, tmp_path)
    moment, attempt = "0123456789abcdef", "01234567-01-aaaaaaaaaa"
    path = tmp_path / "dropped"
    lost = clip_url(world.context.derived_url, video, moment, attempt, "mp4")
    foreign = clip_url(world.context.derived_url, video, moment, "best", "mp4")
    for url in (lost, foreign):
        world.storage.upload(path, url)
    assert delete_video(world.context, video).objects == 3
    assert world.objects() == {foreign}


def test_delete_video_deletes_the_upload_only_on_request(world: World, tmp_path: Path) -> None:
    """A later request deletes it; a third one finds nothing to do."""
    video = drop(world, tmp_path)
    delete_video(world.context, video)
    assert len(uploads(world)) == 1
    again = delete_video(world.context, video, with_source=True)
    assert (again.source, again.resumed, again.objects) == (True, True, 0)
    assert uploads(world) == []
    assert not delete_video(world.context, video).source


def test_delete_video_keeps_a_newer_upload(world: World, tmp_path: Path) -> None:
    """The newer version is another video, with its own file and results."""
    older = drop(world, tmp_path, content=b"old")
    newer = drop(world, tmp_path, content=b"new one")
    assert older != newer
    assert not delete_video(world.context, older, with_source=True).source
    assert len(uploads(world)) == 1
    with world.context.session() as session:
        assert list(session.execute(select(Video.identifier)).scalars()) == [newer]


def test_delete_video_refuses_an_unknown_video(world: World) -> None:
    """It records no deletion."""
    with pytest.raises(Reject) as raised:
        delete_video(world.context, "talk-0123456789")
    assert raised.value.code == "unknown_video"
    assert tombstone_of(world, "talk-0123456789") is None


def test_delete_video_suggests_identifiers(world: World, tmp_path: Path) -> None:
    """A file's name or the beginning of an identifier leads to a suggestion."""
    talk = drop(world, tmp_path, "talk")
    talkative = drop(world, tmp_path, "talkative")

    def refused(asked: str) -> str:
        with pytest.raises(Reject) as raised:
            delete_video(world.context, asked)
        return str(raised.value)

    assert refused("Talk.mp4") == f"There is no video 'Talk.mp4'. Did you mean {talk}?"
    assert f"Did you mean {talk}?" in refused(talk[:-3])
    assert f"Did you mean {talkative} or {talk}?" in refused("talk")
    assert "meant" not in refused("speech.mp4")


def test_delete_video_stops_a_working_stage(world: World, tmp_path: Path) -> None:
    """Between a stage's upload and its finish: no row and no object is left."""
    reached: list[str] = []

    def delete_now(message: object, job: object) -> None:
        if not reached:
            reached.append(video)
            delete_video(world.context, video)

    path = tmp_path / "dropped"
    path.write_bytes(b"a video")
    stat = world.storage.upload(path, f"{world.context.upload_url}/talk.mp4")
    world.deliver("begin", VideoUploaded(source_url=stat.url, generation=stat.generation))
    with world.context.session() as session:
        video = session.execute(select(Video.identifier)).scalar_one()
    world.plan.hooks["cut.stored"] = delete_now
    outcomes = world.drain()
    assert reached == [video]
    assert Outcome.BUSY in outcomes
    assert (rows(world), world.objects()) == ({}, set())


def test_late_event_does_not_bring_a_deleted_video_back(world: World, tmp_path: Path) -> None:
    """A duplicate of the upload's event is acknowledged and ignored, with or without its object."""
    video = drop(world, tmp_path)
    (url,) = uploads(world)
    event = VideoUploaded(source_url=url, generation=world.storage.stat(url).generation)
    delete_video(world.context, video)
    assert world.deliver("begin", event) is Outcome.IGNORED
    delete_video(world.context, video, with_source=True)
    assert world.deliver("begin", event) is Outcome.IGNORED
    assert rows(world) == {}


def test_forgotten_deletion_lets_the_object_be_a_new_video(world: World, tmp_path: Path) -> None:
    """Before the deletion has finished, it is refused."""
    video = drop(world, tmp_path)
    (url,) = uploads(world)
    event = VideoUploaded(source_url=url, generation=world.storage.stat(url).generation)
    assert not forget_deletion(world.context, video)
    delete_video(world.context, video)
    assert forget_deletion(world.context, video)
    assert world.deliver("begin", event) is Outcome.DONE
    with world.context.session() as session, session.begin():
        session.add(Deletion(video=video, source_url=url, with_source=False))
    with pytest.raises(Reject) as raised:
        forget_deletion(world.context, video)
    assert raised.value.code == "deletion_unfinished"


def test_delete_video_refuses_a_second_deletion_meanwhile(world: World, tmp_path: Path) -> None:
    """The second one changes nothing."""
    video = drop(world, tmp_path)
    before = rows(world)
    with deletion_lock(world.engine, video), pytest.raises(DeletionUnderWay):
        delete_video(world.context, video)
    assert rows(world) == before
    assert delete_video(world.context, video).pipelines == 1


def test_delete_video_waits_for_a_run_that_is_being_admitted(
    wide_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that found no deletion has begun its run before the deletion looks for runs."""
    world = wide_world
    video = drop(world, tmp_path)
    (url,) = uploads(world)
    event = VideoUploaded(source_url=url, generation=world.storage.stat(url).generation)
    inside, deleted = threading.Event(), threading.Event()
    register = registration.register_video

    def register_slowly(session: Session, stat: ObjectStat) -> Video:
        inside.set()
        deleted.wait(1)
        return register(session, stat)

    def remove() -> None:
        inside.wait(PATIENCE_SECONDS)
        delete_video(world.context, video)
        deleted.set()

    monkeypatch.setattr(admission, "register_video", register_slowly)
    in_threads(lambda: world.deliver("begin", event), remove)
    assert rows(world) == {}


def test_racing_events_and_deletions_leave_nothing_of_the_video(
    wide_world: World, tmp_path: Path
) -> None:
    """After any race between events and a deletion, the video is gone with everything."""
    world = wide_world
    for number in range(5):
        video = drop(world, tmp_path, f"talk-{number}")
        url = f"{world.context.upload_url}/talk-{number}.mp4"
        event = VideoUploaded(source_url=url, generation=world.storage.stat(url).generation)
        start = threading.Barrier(5)

        def tell(event: VideoUploaded = event, start: threading.Barrier = start) -> None:
            start.wait()
            for _ in range(3):
                world.deliver("begin", event)

        def remove(video: str = video, start: threading.Barrier = start) -> None:
            start.wait()
            delete_video(world.context, video)

        in_threads(tell, tell, tell, tell, remove)
        world.drain()
        with world.context.session() as session:
            left = select(func.count()).select_from(PipelineHistory)
            assert session.execute(left).scalar_one() == 0
    assert (rows(world), world.objects()) == ({}, set())
