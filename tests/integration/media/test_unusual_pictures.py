"""Clips and thumbnails of unusually stored pictures."""

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
from tests.support.media.cases import SANDBOX, probed_input
from tests.support.media.factory import ffmpeg, make_video, run_ffmpeg
from tests.support.media.readings import frame_numbers

WINDOW = TimeSpan(2.3, 4.1)


def cut(path: Path, workdir: Path, window: TimeSpan = WINDOW, mode: CutMode = "copy") -> CutResult:
    """Probe the file and cut the window with the usual limits."""
    source, info = probed_input(path)
    return cut_clip(
        source, info, window=window, mode=mode, workdir=workdir, sandbox=SANDBOX,
    )  # fmt: skip


def decode_errors(path: Path) -> str:
    """The errors that ffmpeg prints when it decodes the file."""
    command = [ffmpeg(), "-v", "error", "-i", str(path), "-f", "null", "-"]
    return subprocess.run(command, capture_output=True, check=False, text=True).stderr


def thumbnail(path: Path, workdir: Path) -> npt.NDArray[np.int_]:
    """The pixels of the file's thumbnail."""
    source, info = probed_input(path)
    made = make_thumbnail(source, info, workdir=workdir, sandbox=SANDBOX)
    assert made is not None
    with av.open(str(made)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)


@pytest.mark.parametrize("name", ["vp9.webm", "h264.mp4"])
def test_cut_clip_keeps_the_pixel_shape(name: str, tmp_path: Path) -> None:
    """A clip has the video's aspect ratio, also if only the container states it."""
    codecs = {"codec": "vp9", "audio": "opus"} if name == "vp9.webm" else {}
    path = make_video(tmp_path / name, **codecs, extra=("-aspect", "4:3"))
    with av.open(str(cut(path, tmp_path).path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(3, 4)


def test_cut_clip_encodes_when_no_keyframe_holds_a_whole_picture(tmp_path: Path) -> None:
    """The clip of an intra-refresh video shows its first picture without errors."""
    refresh = ("-x264-params", "intra-refresh=1:keyint=25")
    clip = cut(make_video(tmp_path / "refresh.mp4", bframes=0, extra=refresh), tmp_path)
    assert frame_numbers(clip.path)[0] == (0.0, 57)
    assert decode_errors(clip.path) == ""


def test_cut_clip_drops_the_broken_last_picture_of_a_truncated_file(tmp_path: Path) -> None:
    """The last clip decodes without errors."""
    path = make_video(tmp_path / "whole.mp4", faststart=True, audio=None)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    _, info = probed_input(path)
    end = info.duration_seconds
    assert 3 < end < 5
    clip = cut(path, tmp_path, TimeSpan(end - 0.8, end))
    assert decode_errors(clip.path) == ""
    assert clip.end_seconds == pytest.approx(end, abs=0.1)


def test_cut_clip_ends_in_time_when_the_last_picture_stands_longer(tmp_path: Path) -> None:
    """A clip of a slide show ends at the window's end."""
    path = make_video(tmp_path / "slides.mp4", seconds=12, rate=1, gop_frames=100)
    clip = cut(path, tmp_path, TimeSpan(3.3, 5.6))
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((3.3, 5.6), abs=0.01)
    _, info = probed_input(clip.path)
    assert info.duration_seconds == pytest.approx(2.3, abs=0.11)
    shown = frame_numbers(clip.path)
    assert [dict(shown)[second] for second in (0.0, 0.8, 1.8)] == [3, 4, 5]


def test_cut_clip_enlarges_a_single_pixel(tmp_path: Path) -> None:
    """The smallest picture grows to the codec's minimum."""
    path = tmp_path / "pixel.mkv"
    source = "testsrc2=s=64x64:r=25:d=2,scale=1:1"
    run_ffmpeg("-f", "lavfi", "-i", source, "-c:v", "ffv1", "-pix_fmt", "yuv444p", str(path))
    assert cut(path, tmp_path, TimeSpan(0.5, 1.5)).resolution == "2x2"


@pytest.mark.parametrize("turned", [False, True], ids=["mirrored", "mirrored and turned"])
def test_make_thumbnail_mirrors_as_a_player_does(turned: bool, tmp_path: Path) -> None:
    """A thumbnail is mirrored and rotated like ffmpeg's own output."""
    plain = make_video(tmp_path / "plain.mp4", seconds=0.04, audio=None)
    path = tmp_path / "mirrored.mp4"
    options = ["-display_hflip", *(["-display_rotation", "90"] if turned else [])]
    run_ffmpeg(*options, "-i", str(plain), "-c", "copy", str(path))
    shown = tmp_path / "shown.mkv"  # as ffmpeg itself turns and mirrors it
    run_ffmpeg("-i", str(path), "-c:v", "ffv1", str(shown))
    difference = np.abs(thumbnail(path, tmp_path) - thumbnail(shown, tmp_path))
    assert difference.mean() < 8
