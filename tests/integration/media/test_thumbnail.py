"""Thumbnails of videos and sound files."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from shared.media.child.thumbnail import Luma, fitted_size, sharpness_of
from shared.media.thumbnail import make_thumbnail
from tests.support.media.cases import SANDBOX, probed_input
from tests.support.media.factory import concat, make_audio, make_video


def thumbnail(path: Path, workdir: Path) -> av.VideoFrame | None:
    """The decoded thumbnail of the file."""
    source, info = probed_input(path)
    made = make_thumbnail(source, info, workdir=workdir, sandbox=SANDBOX)
    if made is None:
        return None
    assert made.read_bytes()[:3] == b"\xff\xd8\xff"
    with av.open(str(made)) as container:
        return next(container.decode(video=0))


def size_of(frame: av.VideoFrame | None) -> tuple[int, int]:
    """The width and height of a thumbnail, which must exist."""
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
def test_make_thumbnail_works_for_every_codec(
    name: str, changes: dict[str, object], tmp_path: Path
) -> None:
    """Each video has a thumbnail, and a small picture keeps its size."""
    assert size_of(thumbnail(make_video(tmp_path / name, **changes), tmp_path)) == (320, 180)


def test_make_thumbnail_shrinks_a_large_picture(tmp_path: Path) -> None:
    """The long side is 1280."""
    path = make_video(tmp_path / "big.mp4", size=(1920, 1080), seconds=0.4, audio=None)
    assert size_of(thumbnail(path, tmp_path)) == (1280, 720)


def test_make_thumbnail_rotates_a_phone_video(tmp_path: Path) -> None:
    """The strip of blocks lies on the side to which the rotation moves it."""
    frame = thumbnail(make_video(tmp_path / "phone.mp4", rotate=90), tmp_path)
    assert size_of(frame) == (180, 320)
    assert frame is not None
    colours = frame.to_ndarray(format="rgb24").astype(int)
    spread = np.ptp(colours, axis=2)
    # The strip at the bottom of the picture as stored is grey; turned 90° it is at the right.
    assert spread[:, -30:].mean() < 30 < spread[:, :120].mean()


def test_make_thumbnail_skips_dark_pictures(tmp_path: Path) -> None:
    """In a mostly black video, the thumbnail comes from the visible part."""
    black = make_video(tmp_path / "black.mp4", plain="black", seconds=5)
    card = make_video(tmp_path / "card.mp4", seconds=2)
    path = concat([black, card, black], tmp_path / "mostly-black.mp4")
    frame = thumbnail(path, tmp_path)
    assert frame is not None
    assert frame.to_ndarray(format="gray").mean() > 60


def test_make_thumbnail_accepts_black_when_nothing_else_is_left(tmp_path: Path) -> None:
    """A black video still has a thumbnail."""
    path = make_video(tmp_path / "black.mp4", plain="black")
    assert size_of(thumbnail(path, tmp_path)) == (320, 180)


def test_make_thumbnail_takes_the_cover_of_a_sound_file(tmp_path: Path) -> None:
    """Without cover art, a sound file has no thumbnail."""
    assert size_of(thumbnail(make_audio(tmp_path / "c.mp3", cover_art=True), tmp_path)) == (
        320,
        320,
    )
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
def test_fitted_size_bounds_the_long_side(
    stored: tuple[int, int], aspect: float, fitted: tuple[int, int]
) -> None:
    """Sizes are even, at most 1280, never enlarged, with square pixels."""
    assert fitted_size(*stored, aspect) == fitted


def test_sharpness_falls_when_a_picture_is_blurred() -> None:
    """The measure also accepts a picture of two pixels."""
    sharp = np.random.default_rng(1).integers(0, 255, (60, 80)).astype(np.float32)
    four = sharp[:-1, :-1] + sharp[1:, :-1] + sharp[:-1, 1:] + sharp[1:, 1:]
    blurred: Luma = four / np.float32(4)
    assert sharpness_of(sharp) > 2 * sharpness_of(blurred)
    assert sharpness_of(sharp[:2, :2]) == 0.0
