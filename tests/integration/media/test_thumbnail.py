"""Thumbnails."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from shared.media.child.thumbnail import Luma, fitted_size, sharpness_of
from shared.media.thumbnail import make_thumbnail
from tests.support.media.cases import SANDBOX, opened
from tests.support.media.factory import concat, make_audio, make_video


def thumbnail(path: Path, workdir: Path) -> av.VideoFrame | None:
    """The decoded thumbnail of the file."""
    source, info = opened(path)
    made = make_thumbnail(source, info, workdir=workdir, sandbox=SANDBOX)
    if made is None:
        return None
    assert made.read_bytes()[:3] == b"\xff\xd8\xff"
    with av.open(str(made)) as container:
        return next(container.decode(video=0))


def size(frame: av.VideoFrame | None) -> tuple[int, int]:
    """Width and height; a thumbnail must be there."""
    assert frame is not None
    return frame.width, frame.height


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("a.mp4", {}),
        ("a.mkv", {"codec": "hevc"}),
        ("a.webm", {"codec": "vp9", "audio": "opus"}),
        ("av1.mp4", {"codec": "av1"}),
        ("a.ts", {"start_offset_seconds": 500}),
        ("one.mp4", {"seconds": 0.04, "audio": None}),
    ],
)
def test_every_video_has_one(name: str, changes: dict[str, object], tmp_path: Path) -> None:
    """A small picture keeps its size."""
    assert size(thumbnail(make_video(tmp_path / name, **changes), tmp_path)) == (320, 180)


def test_a_large_picture_is_made_to_fit(tmp_path: Path) -> None:
    """The long side is 1280."""
    path = make_video(tmp_path / "big.mp4", size=(1920, 1080), seconds=0.4, audio=None)
    assert size(thumbnail(path, tmp_path)) == (1280, 720)


def test_a_turned_phone_video_is_upright(tmp_path: Path) -> None:
    """What was on top is on top: the strip of blocks lies at the side the rotation says."""
    frame = thumbnail(make_video(tmp_path / "phone.mp4", rotate=90), tmp_path)
    assert size(frame) == (180, 320)
    assert frame is not None
    colours = frame.to_ndarray(format="rgb24").astype(int)
    spread = np.ptp(colours, axis=2)
    # The strip at the bottom of the picture as stored is grey; turned 90° it is at the right.
    assert spread[:, -30:].mean() < 30 < spread[:, :120].mean()


def test_dark_pictures_are_passed_over(tmp_path: Path) -> None:
    """Of a recording that is mostly black, the part that shows something is taken."""
    black = make_video(tmp_path / "black.mp4", plain="black", seconds=5)
    card = make_video(tmp_path / "card.mp4", seconds=2)
    path = concat([black, card, black], tmp_path / "mostly-black.mp4")
    frame = thumbnail(path, tmp_path)
    assert frame is not None
    assert frame.to_ndarray(format="gray").mean() > 60


def test_a_black_recording_still_has_a_picture(tmp_path: Path) -> None:
    """Dark and flat ones are the last choice, not none."""
    path = make_video(tmp_path / "black.mp4", plain="black")
    assert size(thumbnail(path, tmp_path)) == (320, 180)


def test_sound_has_its_cover_or_nothing(tmp_path: Path) -> None:
    """Cover art is the picture of a sound file; without it there is none."""
    assert size(thumbnail(make_audio(tmp_path / "c.mp3", cover_art=True), tmp_path)) == (320, 320)
    assert thumbnail(make_audio(tmp_path / "n.mp3"), tmp_path) is None


@pytest.mark.parametrize(
    ("stored", "aspect", "fitted"),
    [
        ((1920, 1080), 1.0, (1280, 720)),
        ((1080, 1920), 1.0, (720, 1280)),
        ((320, 180), 1.0, (320, 180)),
        ((321, 181), 1.0, (320, 180)),
        ((720, 576), 64 / 45, (1024, 576)),
        ((10_000, 2), 1.0, (1280, 2)),
    ],
)
def test_the_standard_size(stored: tuple[int, int], aspect: float, fitted: tuple[int, int]) -> None:
    """At most 1280 on the long side, never enlarged, even, with square pixels."""
    assert fitted_size(*stored, aspect) == fitted


def test_sharp_is_sharper_than_blurred() -> None:
    """The measure falls when a picture is blurred, and bears pictures of two pixels."""
    sharp = np.random.default_rng(1).integers(0, 255, (60, 80)).astype(np.float32)
    four = sharp[:-1, :-1] + sharp[1:, :-1] + sharp[:-1, 1:] + sharp[1:, 1:]
    blurred: Luma = four / np.float32(4)
    assert sharpness_of(sharp) > 2 * sharpness_of(blurred)
    assert sharpness_of(sharp[:2, :2]) == 0.0
