"""Clips, held against what their own pictures and tones say of where they come from."""

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
from tests.support.media.cases import CASES, FRAME_SECONDS, SANDBOX, Case, opened
from tests.support.media.factory import make_video
from tests.support.media.readings import frame_numbers, sound, tone_time

# Where the sound is presented first, the picture is that much later on the timeline.
PICTURE_LATE_SECONDS = {"fragmented.mp4": 0.08, "late-clock.ts": 0.0232, "a.ts": 0.0232}
WINDOW = TimeSpan(2.3, 4.1)


def cut(path: Path, workdir: Path, mode: CutMode = "copy", window: TimeSpan = WINDOW) -> CutResult:
    """Probe and cut, with the ordinary limits."""
    source, info = opened(path)
    return cut_clip(
        source, info, window=window, mode=mode, workdir=workdir, sandbox=SANDBOX,
    )  # fmt: skip


def hidden_packets(path: Path) -> int:
    """How many pictures are in the file only to be skipped: none must be needed."""
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.pts is not None]
        return sum(p.is_discard or (p.pts or 0) < 0 for p in packets)


def assert_shows_its_times(clip: CutResult, path: Path, *, tolerance: float) -> None:
    """Every picture is the one that its place in the clip and the clip's start say."""
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
def test_a_copied_clip_of_every_input(case: Case, tmp_path: Path) -> None:
    """Format and codecs are those that browsers play, and times are true to a frame."""
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
        assert_shows_its_times(clip, path, tolerance=frames * FRAME_SECONDS)
        assert clip.start_seconds == pytest.approx(2.0 if case.is_copied else 2.3, abs=0.1)
        assert clip.end_seconds == pytest.approx(5.0 if case.is_copied else 4.1, abs=0.1)
    if case.audio:
        assert clip.audio_codec in {"aac", "mp3", "opus", "vorbis"}
        heard = tone_time(clip.path, 1.0) + case.sound_late_seconds
        assert heard == pytest.approx(clip.start_seconds + 1.0, abs=FRAME_SECONDS)
    else:
        assert clip.audio_codec is None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "vp9.webm"])
def test_an_exact_clip_begins_and_ends_where_it_was_asked_to(name: str, tmp_path: Path) -> None:
    """The window's own edges, to a frame, for picture and sound."""
    codecs = {"codec": "vp9", "audio": "opus"} if name == "vp9.webm" else {}
    path = make_video(tmp_path / name, **codecs)
    clip = cut(path, tmp_path, "exact")
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((2.3, 4.1), abs=FRAME_SECONDS)
    assert (clip.format, clip.video_codec, clip.audio_codec) == ("mp4", "h264", "aac")
    assert_shows_its_times(clip, path, tolerance=1.01 * FRAME_SECONDS)
    assert tone_time(clip.path, 0.9) == pytest.approx(3.2, abs=FRAME_SECONDS)


def test_a_whole_recording_and_its_last_moment(tmp_path: Path) -> None:
    """From 0 to the end nothing is lost; the last whole GOP may be shorter than the others."""
    path = make_video(tmp_path / "three.mp4", seconds=2.9)
    whole = cut(path, tmp_path, window=TimeSpan(0.0, 2.9))
    assert len(frame_numbers(whole.path)) == 73
    last = cut(path, tmp_path, window=TimeSpan(2.3, 2.9))
    assert (last.start_seconds, last.end_seconds) == pytest.approx((2.0, 2.92), abs=0.03)
    assert frame_numbers(last.path)[-1][1] == 72


def test_one_frame(tmp_path: Path) -> None:
    """A recording of a single picture gives a clip of it."""
    path = make_video(tmp_path / "one.mp4", seconds=0.04, audio=None)
    clip = cut(path, tmp_path, window=TimeSpan(0.0, 0.04))
    assert [number for _, number in frame_numbers(clip.path)] == [0]


def test_variable_frame_rate_keeps_its_times(tmp_path: Path) -> None:
    """Pictures that come at uneven distances stay where they were, copied or encoded."""
    path = make_video(tmp_path / "vfr.mp4", vfr=True, gop_frames=10)
    for mode in ("copy", "exact"):
        clip = cut(path, tmp_path, mode)
        shown = frame_numbers(clip.path)
        steps = {second[1] - first[1] for first, second in pairwise(shown)}
        assert steps == {1, 3}
        for presented, number in shown[1:]:
            assert clip.start_seconds + presented == pytest.approx(number / 25, abs=0.002)


@pytest.mark.parametrize("mode", ["copy", "exact"])
def test_a_turned_phone_video_stays_upright(mode: CutMode, tmp_path: Path) -> None:
    """Copied, it keeps its display matrix; encoded, its pixels are turned."""
    clip = cut(make_video(tmp_path / "phone.mp4", rotate=90), tmp_path, mode)
    _, info = opened(clip.path)
    assert clip.resolution == info.resolution == "180x320"
    assert info.video is not None
    assert info.video.rotation_degrees == (270 if mode == "copy" else 0)


def test_pictures_that_need_the_gop_before_are_left_out(tmp_path: Path) -> None:
    """An open GOP is entered at its keyframe; what is decoded after and shown before is dropped."""
    path = make_video(tmp_path / "open.mp4", open_gop=True, bframes=3)
    clip = cut(path, tmp_path, window=TimeSpan(1.3, 2.5))
    assert clip.start_seconds == pytest.approx(1.0)
    assert_shows_its_times(clip, path, tolerance=0.002)


def test_far_apart_keyframes_are_not_followed(tmp_path: Path) -> None:
    """Where whole GOPs would more than double the clip, it is encoded exactly instead."""
    path = make_video(tmp_path / "rare.mp4", gop_frames=1000)
    clip = cut(path, tmp_path)
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((2.3, 4.1), abs=FRAME_SECONDS)
    assert_shows_its_times(clip, path, tolerance=1.01 * FRAME_SECONDS)


def test_a_clip_where_the_sound_has_ended(tmp_path: Path) -> None:
    """The picture is cut without it, and without re-encoding."""
    path = make_video(tmp_path / "early.mp4", audio_seconds=1.0)
    clip = cut(path, tmp_path)
    assert (clip.video_codec, clip.audio_codec) == ("h264", None)
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((2.0, 5.0), abs=0.01)


def test_sound_and_picture_stay_together(tmp_path: Path) -> None:
    """At the same place of a clip, tone and picture tell the same time; sound begins with it."""
    for name, audio in (("a.mp4", "aac"), ("b.mkv", "opus"), ("c.mp4", "mp3")):
        clip = cut(make_video(tmp_path / name, audio=audio), tmp_path)
        picture = dict(frame_numbers(clip.path))[1.0] / 25
        assert tone_time(clip.path, 1.0) == pytest.approx(picture, abs=FRAME_SECONDS)
        assert 0 <= sound(clip.path)[2] < 0.05


def test_a_clip_plays_before_it_is_whole(tmp_path: Path) -> None:
    """The index of an mp4 comes before its data."""
    for mode in ("copy", "exact"):
        clip = cut(make_video(tmp_path / "a.mp4"), tmp_path, mode)
        content = clip.path.read_bytes()
        assert content.index(b"moov") < content.index(b"mdat")


def test_a_damaged_stretch_gives_no_clip(tmp_path: Path) -> None:
    """Pictures overwritten with noise are refused rather than cut to nothing."""
    path = make_video(tmp_path / "fine.mp4", faststart=True, audio=None)
    content = bytearray(path.read_bytes())
    source, info = opened(path)
    begin = content.index(b"mdat") + 4
    content[begin:] = bytes(len(content) - begin)
    path.write_bytes(content)
    with pytest.raises(Reject) as error:
        cut_clip(
            LocalInput(path), info, window=WINDOW, mode="copy", workdir=tmp_path, sandbox=SANDBOX,
        )  # fmt: skip
    assert error.value.code == "damaged_media"
    assert source.bytes_read == 0
