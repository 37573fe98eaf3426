"""Deleting a video: what goes, what stays, who is stopped, and that it cannot come back."""

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
from shared.videos.tombstones import DeletionUnderWay, only_deletion, tombstone
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
    """A dropped video, run to its end; its identifier."""
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
    """Rows by table, without what is nobody's."""
    with world.context.session() as session:
        counts = {
            table.name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
            if table.name not in KEPT
        }
    return {name: count for name, count in counts.items() if count}


def stone(world: World, video: str) -> Deletion | None:
    """The tombstone."""
    with world.context.session() as session:
        return tombstone(session, video)


def uploads(world: World) -> list[str]:
    """What lies in the upload bucket."""
    return [stat.url for stat in world.storage.list(f"{world.context.upload_url}/")]


def test_a_deletion_takes_all_of_one_video_and_nothing_of_another(
    world: World, tmp_path: Path
) -> None:
    """Rows and objects of the one are gone, the other's are untouched, and both uploads stay."""
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
    done, untouched = stone(world, gone), stone(world, kept)
    assert done is not None
    assert done.completed_at is not None
    assert untouched is None


def test_what_others_put_into_a_videos_folder_stays(world: World, tmp_path: Path) -> None:
    """A lost attempt's clip goes, though no row names it; a file of another name does not."""
    video = drop(world, tmp_path)
    moment, attempt = "0123456789abcdef", "01234567-01-aaaaaaaaaa"
    path = tmp_path / "dropped"
    lost = clip_url(world.context.derived_url, video, moment, attempt, "mp4")
    foreign = clip_url(world.context.derived_url, video, moment, "best", "mp4")
    for url in (lost, foreign):
        world.storage.upload(path, url)
    assert delete_video(world.context, video).objects == 3
    assert world.objects() == {foreign}


def test_the_upload_goes_only_when_asked_for(world: World, tmp_path: Path) -> None:
    """Asked for later, it goes then; a third time there is nothing left to do."""
    video = drop(world, tmp_path)
    delete_video(world.context, video)
    assert len(uploads(world)) == 1
    again = delete_video(world.context, video, with_source=True)
    assert (again.source, again.resumed, again.objects) == (True, True, 0)
    assert uploads(world) == []
    assert not delete_video(world.context, video).source


def test_a_newer_version_of_the_upload_stays(world: World, tmp_path: Path) -> None:
    """What was overwritten since is another video: it keeps its file and its results."""
    older = drop(world, tmp_path, content=b"old")
    newer = drop(world, tmp_path, content=b"new one")
    assert older != newer
    assert not delete_video(world.context, older, with_source=True).source
    assert len(uploads(world)) == 1
    with world.context.session() as session:
        assert list(session.execute(select(Video.identifier)).scalars()) == [newer]


def test_what_never_was_is_said_to_be_unknown(world: World) -> None:
    """No tombstone is made for a video that is not there."""
    with pytest.raises(Reject) as raised:
        delete_video(world.context, "talk-0123456789")
    assert raised.value.code == "unknown_video"
    assert stone(world, "talk-0123456789") is None


def test_who_names_the_file_is_told_the_identifier(world: World, tmp_path: Path) -> None:
    """A video of a file of that name, or whose identifier was cut short, may be meant."""
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


def test_a_stage_at_work_is_stopped_and_takes_its_objects_back(
    world: World, tmp_path: Path
) -> None:
    """Deleted between a stage's upload and its finish: no row, no object of it is left."""
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


def test_a_late_event_does_not_bring_it_back(world: World, tmp_path: Path) -> None:
    """A duplicate of the upload's event is acknowledged and ignored, with or without its object."""
    video = drop(world, tmp_path)
    (url,) = uploads(world)
    event = VideoUploaded(source_url=url, generation=world.storage.stat(url).generation)
    delete_video(world.context, video)
    assert world.deliver("begin", event) is Outcome.IGNORED
    delete_video(world.context, video, with_source=True)
    assert world.deliver("begin", event) is Outcome.IGNORED
    assert rows(world) == {}


def test_who_asks_for_it_anew_gets_it(world: World, tmp_path: Path) -> None:
    """With the tombstone forgotten the same object is a new video; before its end, it is not."""
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


def test_one_deletion_of_a_video_at_a_time(world: World, tmp_path: Path) -> None:
    """A second one is refused while the first is at work, and changes nothing."""
    video = drop(world, tmp_path)
    before = rows(world)
    with only_deletion(world.engine, video), pytest.raises(DeletionUnderWay):
        delete_video(world.context, video)
    assert rows(world) == before
    assert delete_video(world.context, video).pipelines == 1


def test_a_run_that_is_just_being_admitted_is_waited_for(
    wide_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that found no tombstone has begun its run before the deletion looks for runs."""
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


def test_events_and_deletions_at_once_leave_no_deleted_video(
    wide_world: World, tmp_path: Path
) -> None:
    """However uploads' events and a deletion race, at the end the video is gone with all it had."""
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
