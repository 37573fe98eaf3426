"""The rows of clips and thumbnails: found, replaced, and named when they are replaced."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from shared.clips.rows import clip_of, find_clip, moments_without_clip, replace_clip
from shared.clips.thumbnail_rows import (
    ThumbnailOwner,
    find_thumbnail,
    lock_owner,
    replace_thumbnail,
)
from shared.db.models import Clip, Moment, Thumbnail
from shared.errors import NotThere
from shared.media.cut import CutResult
from shared.storage.protocol import ObjectStat
from tests.support.databases.rows import add_video, new_moment

RESULT = CutResult(
    path=Path("clip.mp4"),
    start_seconds=0.5,
    end_seconds=2.25,
    format="mp4",
    content_type="video/mp4",
    video_codec="h264",
    audio_codec="aac",
    resolution="160x90",
    size_bytes=2048,
    duration_seconds=1.75,
)


def _stat(url: str) -> ObjectStat:
    return ObjectStat(url, 2048, "1", None, datetime.now(UTC))


def _add_moment(session: Session, **values: object) -> Moment:
    moment = new_moment(add_video(session).id, **values)
    session.add(moment)
    session.flush()
    return moment


def test_replace_clip_names_the_clip_it_replaces(engine: Engine) -> None:
    """A moment has one clip: the second takes the first one's row and tells its URL."""
    with Session(engine) as session:
        moment = _add_moment(session)
        assert find_clip(session, moment) is None
        assert replace_clip(session, moment, RESULT, _stat("file:///b/1.mp4")) is None
        assert replace_clip(session, moment, RESULT, _stat("file:///b/2.mp4")) == "file:///b/1.mp4"
        clip = clip_of(session, moment.identifier)
        assert (clip.cloud_url, clip.padding_left, clip.padding_right) == (
            "file:///b/2.mp4",
            0.5,
            0.25,
        )
        assert session.execute(select(func.count()).select_from(Clip)).scalar_one() == 1


def test_clip_of_a_deleted_moment_is_not_there(engine: Engine) -> None:
    """The error names the moment, so that the stage is skipped with a reason."""
    with Session(engine) as session, pytest.raises(NotThere, match="nobody"):
        clip_of(session, "nobody")


def test_moments_without_clip_tells_no_moments_from_none_left(engine: Engine) -> None:
    """None for a video without moments, an empty list once every root moment has its clip."""
    with Session(engine) as session:
        assert moments_without_clip(session, add_video(session).id) is None
        first = _add_moment(session)
        later = new_moment(first.video_id, start_time=5.0, end_time=6.0)
        refined = new_moment(first.video_id, is_refined=True, parent_id=first.id)
        session.add_all([later, refined])
        session.flush()
        waiting = moments_without_clip(session, first.video_id)
        assert waiting == [first.identifier, later.identifier]
        for moment in (first, later):
            replace_clip(session, moment, RESULT, _stat(f"file:///b/{moment.id}.mp4"))
        assert moments_without_clip(session, first.video_id) == []


def test_replace_thumbnail_keeps_one_for_each_owner(engine: Engine) -> None:
    """A video and its clip have a thumbnail each, and the second of one tells the first's URL."""
    with Session(engine) as session:
        moment = _add_moment(session)
        replace_clip(session, moment, RESULT, _stat("file:///b/1.mp4"))
        clip = clip_of(session, moment.identifier)
        owners = [
            ThumbnailOwner("video_id", moment.video_id, "file:///b/v.mp4"),
            ThumbnailOwner("clip_id", clip.id, clip.cloud_url),
        ]
        for owner in owners:
            first, second = f"file:///b/{owner.column}-1.jpg", f"file:///b/{owner.column}-2.jpg"
            assert replace_thumbnail(session, owner, _stat(first)) is None
            assert replace_thumbnail(session, owner, _stat(second)) == first
            assert find_thumbnail(session, owner) == second
        assert session.execute(select(func.count()).select_from(Thumbnail)).scalar_one() == 2


def test_lock_owner_is_false_once_the_clip_was_replaced(engine: Engine) -> None:
    """A thumbnail of a clip that another run has replaced since is not to be kept."""
    with Session(engine) as session:
        moment = _add_moment(session)
        replace_clip(session, moment, RESULT, _stat("file:///b/1.mp4"))
        clip = clip_of(session, moment.identifier)
        owner = ThumbnailOwner("clip_id", clip.id, clip.cloud_url)
        assert lock_owner(session, owner)
        replace_clip(session, moment, RESULT, _stat("file:///b/2.mp4"))
        assert not lock_owner(session, owner)
