"""Clips and thumbnails of pictures that are stored in unusual ways."""

from __future__ import annotations

import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from shared.domain.spans import TimeSpan
from shared.media.cut import CutResult, cut_clip
from shared.media.cut_plan import CutMode
from shared.media.thumbnail import make_thumbnail
from tests.support.media.cases import SANDBOX, opened
from tests.support.media.factory import ffmpeg, make_video, run_ffmpeg
from tests.support.media.readings import frame_numbers

WINDOW = TimeSpan(2.3, 4.1)


def cut(path: Path, workdir: Path, window: TimeSpan = WINDOW, mode: CutMode = "copy") -> CutResult:
    """Probe and cut, with the ordinary limits."""
    source, info = opened(path)
    return cut_clip(
        source, info, window=window, mode=mode, workdir=workdir, sandbox=SANDBOX,
    )  # fmt: skip


def complaints(path: Path) -> str:
    """What ffmpeg has to say when it decodes all of the file."""
    command = [ffmpeg(), "-v", "error", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, check=False, text=True).stderr


def thumbnail(path: Path, workdir: Path) -> npt.NDArray[np.int_]:
    """The pixels of the file's thumbnail."""
    source, info = opened(path)
    made = make_thumbnail(source, info, workdir=workdir, sandbox=SANDBOX)
    assert made is not None
    with av.open(str(made)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)


@pytest.mark.parametrize("name", ["vp9.webm", "h264.mp4"])
def test_pixels_that_are_not_square(name: str, tmp_path: Path) -> None:
    """A clip has the shape of its recording, also where the container alone tells it."""
    codecs = {"codec": "vp9", "audio": "opus"} if name == "vp9.webm" else {}
    path = make_video(tmp_path / name, **codecs, extra=("-aspect", "4:3"))
    with av.open(str(cut(path, tmp_path).path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(3, 4)


def test_pictures_that_are_refreshed_bit_by_bit(tmp_path: Path) -> None:
    """Where no keyframe holds a whole picture, the clip is encoded and shows its first one."""
    refresh = ("-x264-params", "intra-refresh=1:keyint=25")
    clip = cut(make_video(tmp_path / "refresh.mp4", bframes=0, extra=refresh), tmp_path)
    assert frame_numbers(clip.path)[0] == (0.0, 57)
    assert complaints(clip.path) == ""


def test_the_end_of_a_file_that_was_cut_short(tmp_path: Path) -> None:
    """The picture that is only half there is not in the last clip."""
    path = make_video(tmp_path / "whole.mp4", faststart=True, audio=None)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    _, info = opened(path)
    end = info.duration_seconds
    assert 3 < end < 5
    clip = cut(path, tmp_path, TimeSpan(end - 0.8, end))
    assert complaints(clip.path) == ""
    assert clip.end_seconds == pytest.approx(end, abs=0.1)


def test_a_slide_show(tmp_path: Path) -> None:
    """A clip ends where its row says, though its last picture would stand longer."""
    path = make_video(tmp_path / "slides.mp4", seconds=12, rate=1, gop_frames=100)
    clip = cut(path, tmp_path, TimeSpan(3.3, 5.6))
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((3.3, 5.6), abs=0.01)
    _, info = opened(clip.path)
    assert info.duration_seconds == pytest.approx(2.3, abs=0.11)
    shown = frame_numbers(clip.path)
    assert [dict(shown)[second] for second in (0.0, 0.8, 1.8)] == [3, 4, 5]


def test_a_single_pixel(tmp_path: Path) -> None:
    """The smallest picture is made as large as the codec needs it."""
    path = tmp_path / "pixel.mkv"
    source = "testsrc2=s=64x64:r=25:d=2,scale=1:1"
    run_ffmpeg("-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "yuv444p", str(path))
    assert cut(path, tmp_path, TimeSpan(0.5, 1.5)).resolution == "2x2"


@pytest.mark.parametrize("turned", [False, True], ids=["mirrored", "mirrored and turned"])
def test_a_mirrored_picture(turned: bool, tmp_path: Path) -> None:
    """A thumbnail shows what a player shows, mirrored and turned as the recording says."""
    plain = make_video(tmp_path / "plain.mp4", seconds=0.04, audio=None)
    path = tmp_path / "mirrored.mp4"
    options = ["-display_hflip", *(["-display_rotation", "90"] if turned else [])]
    run_ffmpeg(*options, "-i", str(plain), "-c", "copy", str(path))
    shown = tmp_path / "shown.mkv"  # as ffmpeg itself turns and mirrors it
    run_ffmpeg("-i", str(path), "-c:v", "ffv1", str(shown))
    difference = np.abs(thumbnail(path, tmp_path) - thumbnail(shown, tmp_path))
    assert difference.mean() < 8
