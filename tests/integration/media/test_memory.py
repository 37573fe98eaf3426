"""A lack of memory is not mistaken for damage, although decoders report both in the same words."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.error_codes.videos import NOT_MEDIA
from shared.errors import Reject
from shared.media.child import memory
from shared.media.child.probe import probe
from shared.media.child.serve import reply_to
from shared.media.child.survey import survey
from shared.media.child.thumbnail import thumbnail
from shared.media.child.verify import verify
from tests.support.media.factory import make_video

Work = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture
def damaged(tmp_path: Path) -> dict[str, Any]:
    """A request for a file in which nothing decodes."""
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
    """The child has used all the memory it may use."""
    monkeypatch.setattr(memory, "peak_bytes", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, 1000))


WORK: dict[Work, Callable[[dict[str, Any]], bool]] = {
    probe: lambda reply: reply.get("reject") == "damaged_media",
    verify: lambda reply: not (reply["video_decodes"] or reply["audio_decodes"]),
    thumbnail: lambda reply: reply["width"] is None,
    survey: lambda reply: not reply["pictures"],
}


@pytest.mark.parametrize("work", WORK)
def test_operation_reports_damage_when_memory_is_left(work: Work, damaged: dict[str, Any]) -> None:
    """The file is to blame: it is rejected, or the streams that do not decode are left out."""
    assert WORK[work](reply_to(damaged, work))


@pytest.mark.usefixtures("scarce")
@pytest.mark.parametrize("work", WORK)
def test_operation_fails_transiently_when_memory_is_scarce(
    work: Work, damaged: dict[str, Any]
) -> None:
    """The file may decode with more memory, so the reply is a failure that can be retried."""
    assert "lack of memory" in reply_to(damaged, work)["failure"]


@pytest.mark.usefixtures("scarce")
def test_reply_is_a_failure_when_a_rejection_meets_scarce_memory() -> None:
    """Any rejection counts as a lack of memory while memory is scarce."""

    def reject(request: dict[str, Any]) -> dict[str, Any]:
        raise Reject(NOT_MEDIA, "The file is not a video.")

    assert "lack of memory" in reply_to({}, reject)["failure"]


def test_check_memory_raises_near_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It raises above three quarters of the limit, and never without one."""
    for taken, limit, is_scarce in ((800, 1000, True), (700, 1000, False)):
        monkeypatch.setattr(memory, "peak_bytes", lambda taken=taken: taken)
        monkeypatch.setattr(resource, "getrlimit", lambda _, limit=limit: (limit, limit))
        assert _raises(memory.check_memory) is is_scarce
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    assert not _raises(memory.check_memory)


def _raises(check: Callable[[], None]) -> bool:
    try:
        check()
    except MemoryError:
        return True
    return False
