"""Damage is told from want of memory, which decoders report in the same words."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.error_codes.videos import NOT_MEDIA
from shared.errors import Reject
from shared.media.child import memory as scarcity
from shared.media.child import serve as child
from shared.media.child.probe import probe
from shared.media.child.survey import glances
from shared.media.child.thumbnail import thumbnail
from shared.media.child.verify import verify
from tests.support.media.factory import make_video

Work = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def damaged(tmp_path: Path) -> dict[str, Any]:
    """A request for a file of which nothing decodes."""
    path = make_video(tmp_path / "damaged.mp4", seconds=2, size=(96, 54), faststart=True)
    content = bytearray(path.read_bytes())
    begin = content.index(b"mdat") + 4
    content[begin:] = b"\xff" * (len(content) - begin)
    path.write_bytes(content)
    output = str(tmp_path / "picture.jpg")
    facts = {"output": output, "duration": 2.0, "seconds": 60.0, "step": 0.5}
    return {"location": str(path), "max_pixels": 10**6, "threads": 1, **facts}


@pytest.fixture
def scarce(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the memory that may be taken was taken."""
    monkeypatch.setattr(scarcity, "_most_taken_bytes", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, 1000))


WORK: dict[Work, Callable[[dict[str, Any]], bool]] = {
    probe: lambda reply: reply.get("reject") == "damaged_media",
    verify: lambda reply: not (reply["video_decodes"] or reply["audio_decodes"]),
    thumbnail: lambda reply: reply["width"] is None,
    glances: lambda reply: not reply["pictures"],
}


@pytest.mark.parametrize("work", WORK)
def test_with_memory_left_damage_is_damage(work: Work, damaged: dict[str, Any]) -> None:
    """The file is to blame: rejected, or what does not decode is left out."""
    assert WORK[work](child._reply(work, damaged))


@pytest.mark.usefixtures("scarce")
@pytest.mark.parametrize("work", WORK)
def test_without_memory_nothing_is_called_damaged(work: Work, damaged: dict[str, Any]) -> None:
    """What does not decode then may decode with more memory: a failure, to be tried again."""
    assert "want of memory" in child._reply(work, damaged)["failure"]


@pytest.mark.usefixtures("scarce")
def test_nobody_is_rejected_for_want_of_memory() -> None:
    """Whatever the file is told to be wrong with."""

    def reject(request: dict[str, Any]) -> dict[str, Any]:
        raise Reject(NOT_MEDIA, "The file is not a video.")

    assert "want of memory" in child._reply(reject, {})["failure"]


def test_memory_is_scarce_near_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above three quarters of the limit; never without one."""
    for taken, limit, is_scarce in ((800, 1000, True), (700, 1000, False)):
        monkeypatch.setattr(scarcity, "_most_taken_bytes", lambda taken=taken: taken)
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert _raises(scarcity.check_memory) is is_scarce
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert not _raises(scarcity.check_memory)


def _raises(check: Callable[[], None]) -> bool:
    try:
        check()
    except MemoryError:
        return True
    return False
