"""Clips, checked against the frame numbers and tones that they show."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import av
import pytest

from shared.domain.spans import TimeSpan
from shared.errors import Reject
from shared.media.cut import CutResult, cut_clip
from shared.media.cut_plan import CutMode
from shared.media.input import LocalInput
from tests.support.media.cases import CASES, FRAME_SECONDS, SANDBOX, Case, probed_input
from tests.support.media.factory import make_video
from tests.support.media.readings import frame_numbers, sound, tone_time

# If the sound is presented first, the picture is later on the timeline by this much.
PICTURE_LATE_SECONDS = {"fragmented.mp4": 0.08, "late-clock.ts": 0.0232, "a.ts": 0.0232}
WINDOW = TimeSpan(2.3, 4.1)


def cut(path: Path, workdir: Path, mode: CutMode = "copy", window: TimeSpan = WINDOW) -> CutResult:
    """Probe the file and cut the window with the usual limits."""
    source, info = probed_input(path)
    return cut_clip(
        source, info, window=window, mode=mode, workdir=workdir, sandbox=SANDBOX,
    )  # fmt: skip


def hidden_packets(path: Path) -> int:
    """The number of packets that players must decode without showing."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.pts is not None]
        return sum(p.is_discard or (p.pts or 0) < 0 for p in packets)


def assert_frames_match_times(clip: CutResult, path: Path, *, tolerance: float) -> None:
    """Assert that each picture is the frame at its time in the clip."""
    late = PICTURE_LATE_SECONDS.get(path.name, 0.0)
    shown = frame_numbers(clip.path)
    for presented, number in shown:
        assert clip.start_seconds + presented == pytest.approx(
            number * FRAME_SECONDS + late, abs=tolerance
        )
    assert shown[0][0] == pytest.approx(0.0, abs=0.001)
    assert hidden_packets(clip.path) == 0
    last = clip.start_seconds + shown[-1][0] + FRAME_SECONDS
    assert clip.end_seconds == pytest.approx(last, abs=FRAME_SECONDS)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_cut_clip_copies_every_input(case: Case, tmp_path: Path) -> None:
    """Browsers play the format and codecs, and times are correct to a frame."""
    path = case.make(tmp_path / case.name)
    clip = cut(path, tmp_path)
    assert (clip.format, clip.path.suffix) == (case.clip_format, f".{case.clip_format}")
    assert clip.size_bytes == clip.path.stat().st_size > 0
    assert clip.start_seconds <= WINDOW.start_seconds + FRAME_SECONDS
    assert clip.end_seconds >= WINDOW.end_seconds - FRAME_SECONDS
    if case.video:
        assert clip.resolution == "320x180"
        assert clip.video_codec == (case.video if case.is_copied else "h264")
        # AVI's own clock runs one frame ahead of its pictures.
        frames = 2.1 if case.container == "avi" else 1.01 if not case.is_copied else 0.05
        assert_frames_match_times(clip, path, tolerance=frames * FRAME_SECONDS)
        assert clip.start_seconds == pytest.approx(2.0 if case.is_copied else 2.3, abs=0.1)
        assert clip.end_seconds == pytest.approx(5.0 if case.is_copied else 4.1, abs=0.1)
    if case.audio:
        assert clip.audio_codec in {"aac", "mp3", "opus", "vorbis"}
        heard = tone_time(clip.path, 1.0) + case.sound_late_seconds
        assert heard == pytest.approx(clip.start_seconds + 1.0, abs=FRAME_SECONDS)
    else:
        assert clip.audio_codec is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "vp9.webm"])
def test_cut_clip_keeps_the_windows_edges_when_exact(name: str, tmp_path: Path) -> None:
    """Picture and sound start and end at the window's edges, to a frame."""
    codecs = {"codec": "vp9", "audio": "opus"} if name == "vp9.webm" else {}
    path = make_video(tmp_path / name, **codecs)
    clip = cut(path, tmp_path, "exact")
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((2.3, 4.1), abs=FRAME_SECONDS)
    assert (clip.format, clip.video_codec, clip.audio_codec) == ("mp4", "h264", "aac")
    assert_frames_match_times(clip, path, tolerance=1.01 * FRAME_SECONDS)
    assert tone_time(clip.path, 0.9) == pytest.approx(3.2, abs=FRAME_SECONDS)


def test_cut_clip_loses_nothing_at_the_end_of_the_video(tmp_path: Path) -> None:
    """A clip of the whole video has all frames, and a clip of its end reaches the last frame."""
    path = make_video(tmp_path / "three.mp4", seconds=2.9)
    whole = cut(path, tmp_path, window=TimeSpan(0.0, 2.9))
    assert len(frame_numbers(whole.path)) == 73
    last = cut(path, tmp_path, window=TimeSpan(2.3, 2.9))
    assert (last.start_seconds, last.end_seconds) == pytest.approx((2.0, 2.92), abs=0.03)
    assert frame_numbers(last.path)[-1][1] == 72


def test_cut_clip_accepts_a_video_of_one_frame(tmp_path: Path) -> None:
    """The clip has the single frame."""
    path = make_video(tmp_path / "one.mp4", seconds=0.04, audio=None)
    clip = cut(path, tmp_path, window=TimeSpan(0.0, 0.04))
    assert [number for _, number in frame_numbers(clip.path)] == [0]


def test_cut_clip_keeps_the_times_of_a_variable_frame_rate(tmp_path: Path) -> None:
    """Unevenly spaced pictures keep their times, copied or encoded."""
    path = make_video(tmp_path / "vfr.mp4", vfr=True, gop_frames=10)
    for mode in ("copy", "exact"):
        clip = cut(path, tmp_path, mode)
        shown = frame_numbers(clip.path)
        steps = {second[1] - first[1] for first, second in pairwise(shown)}
        assert steps == {1, 3}
        for presented, number in shown[1:]:
            assert clip.start_seconds + presented == pytest.approx(number / 25, abs=0.002)


@pytest.mark.parametrize("mode", ["copy", "exact"])
def test_cut_clip_keeps_a_rotated_video_upright(mode: CutMode, tmp_path: Path) -> None:
    """A copy keeps the display matrix; an encoded clip has rotated pixels."""
    clip = cut(make_video(tmp_path / "phone.mp4", rotate=90), tmp_path, mode)
    _, info = probed_input(clip.path)
    assert clip.resolution == info.resolution == "180x320"
    assert info.video is not None
    assert info.video.rotation_degrees == (270 if mode == "copy" else 0)


def test_cut_clip_drops_pictures_that_need_the_previous_gop(tmp_path: Path) -> None:
    """A clip that enters an open GOP drops the pictures shown before its keyframe."""
    path = make_video(tmp_path / "open.mp4", open_gop=True, bframes=3)
    clip = cut(path, tmp_path, window=TimeSpan(1.3, 2.5))
    assert clip.start_seconds == pytest.approx(1.0)
    assert_frames_match_times(clip, path, tolerance=0.002)


def test_cut_clip_encodes_when_keyframes_are_far_apart(tmp_path: Path) -> None:
    """If whole GOPs would more than double the clip, it is encoded to the exact window."""
    path = make_video(tmp_path / "rare.mp4", gop_frames=1000)
    clip = cut(path, tmp_path)
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((2.3, 4.1), abs=FRAME_SECONDS)
    assert_frames_match_times(clip, path, tolerance=1.01 * FRAME_SECONDS)


def test_cut_clip_copies_the_picture_when_the_sound_has_ended(tmp_path: Path) -> None:
    """The clip has no sound and is not encoded."""
    path = make_video(tmp_path / "early.mp4", audio_seconds=1.0)
    clip = cut(path, tmp_path)
    assert (clip.video_codec, clip.audio_codec) == ("h264", None)
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((2.0, 5.0), abs=0.01)


def test_cut_clip_keeps_sound_and_picture_in_sync(tmp_path: Path) -> None:
    """Tone and picture show the same time, and the sound starts with the clip."""
    for name, audio in (("a.mp4", "aac"), ("b.mkv", "opus"), ("c.mp4", "mp3")):
        clip = cut(make_video(tmp_path / name, audio=audio), tmp_path)
        picture = dict(frame_numbers(clip.path))[1.0] / 25
        assert tone_time(clip.path, 1.0) == pytest.approx(picture, abs=FRAME_SECONDS)
        assert 0 <= sound(clip.path)[2] < 0.05


def test_cut_clip_puts_the_index_before_the_data(tmp_path: Path) -> None:
    """A player can start an MP4 clip before it is downloaded."""
    for mode in ("copy", "exact"):
        clip = cut(make_video(tmp_path / "a.mp4"), tmp_path, mode)
        content = clip.path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")


def test_cut_clip_rejects_a_damaged_window(tmp_path: Path) -> None:
    """Overwritten pictures are rejected instead of giving an empty clip."""
    path = make_video(tmp_path / "fine.mp4", faststart=True, audio=None)
    content = bytearray(path.read_bytes())
    source, info = probed_input(path)
    begin = content.index(b"mdat") + 4
    content[begin:] = bytes(len(content) - begin)
    path.write_bytes(content)
    with pytest.raises(Reject) as error:
        cut_clip(
            LocalInput(path), info, window=WINDOW, mode="copy", workdir=tmp_path, sandbox=SANDBOX,
        )  # fmt: skip
    assert error.value.code == "damaged_media"
    assert source.bytes_read == 0
