"""Audio slices of a video: every sample once, on the video's timeline."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from shared.errors import Reject
from shared.media.audio import AudioSlice, split_audio
from tests.support.media.cases import CASES, SANDBOX, Case, probed_input
from tests.support.media.factory import concat, make_audio, make_video
from tests.support.media.readings import is_silent, tone_time


def split_all(path: Path, workdir: Path, target: float = 2.5) -> list[AudioSlice]:
    """Every slice of the file."""
    source, info = probed_input(path)
    return list(
        split_audio(
            source, info, target_slice_seconds=target, workdir=workdir, sandbox=SANDBOX,
        )
    )  # fmt: skip


def assert_contiguous(slices: list[AudioSlice]) -> None:
    """Assert that slices begin at 0, have no gap or overlap, and last as long as their files."""
    assert slices[0].start_seconds == 0
    assert [one.index for one in slices] == list(range(len(slices)))
    assert all(a.end_seconds == b.start_seconds for a, b in pairwise(slices))
    for one in slices:
        with wave.open(str(one.path)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
            length = one.end_seconds - one.start_seconds
            assert file.getnframes() == pytest.approx(length * 16000, abs=0.01)


@pytest.mark.parametrize("case", [case for case in CASES if case.audio], ids=str)
def test_split_audio_keeps_the_time_of_every_input(case: Case, tmp_path: Path) -> None:
    """The tone in each slice is the tone of that second of the video."""
    slices = split_all(case.make(tmp_path / case.name), tmp_path)
    assert_contiguous(slices)
    assert slices[-1].end_seconds == pytest.approx(6.0, abs=0.1)
    for one in slices[1:]:
        heard = tone_time(one.path, 0.5) + case.sound_late_seconds
        assert heard == pytest.approx(one.start_seconds + 0.5, abs=0.04)


def test_split_audio_starts_with_silence_when_the_sound_begins_late(tmp_path: Path) -> None:
    """The missing start is filled with silence, so the sound is not shifted."""
    slices = split_all(make_video(tmp_path / "late.mp4", audio_delay_seconds=1.5), tmp_path, 10)
    assert is_silent(slices[0].path, 0.1, 1.4)
    assert not is_silent(slices[0].path, 1.6, 2.0)


def test_split_audio_keeps_a_hole_in_the_sound(tmp_path: Path) -> None:
    """Missing packets become silence, and the sound after them keeps its time."""
    drop = "noise=drop='between(pts*tb,2,3.5)'"
    path = make_video(tmp_path / "hole.mkv", extra=("-bsf:a", drop))
    (one,) = split_all(path, tmp_path, 10)
    assert is_silent(one.path, 2.2, 3.3)
    assert tone_time(one.path, 5.0) == pytest.approx(5.0, abs=0.04)


def test_split_audio_shares_the_zero_of_clip_times(tmp_path: Path) -> None:
    """Slice times count from the first presentation of a transport stream."""
    path = make_video(tmp_path / "clock.ts", start_offset_seconds=7000)
    (one,) = split_all(path, tmp_path, 10)
    _, info = probed_input(path)
    assert info.origin_seconds > 7000
    assert tone_time(one.path, 3.0) == pytest.approx(3.0, abs=0.04)


def test_split_audio_slices_silence(tmp_path: Path) -> None:
    """A silent video gives its whole length in silent slices."""
    slices = split_all(make_video(tmp_path / "silent.mp4", silent=True), tmp_path)
    assert_contiguous(slices)
    assert slices[-1].end_seconds == pytest.approx(6.0, abs=0.1)
    assert all(is_silent(one.path, 0, 0.3) for one in slices)


def test_split_audio_gives_one_slice_when_the_file_is_short(tmp_path: Path) -> None:
    """A file shorter than the target is one slice."""
    assert len(split_all(make_audio(tmp_path / "short.mp3", seconds=3), tmp_path, 300)) == 1


def test_split_audio_rejects_a_video_without_sound(tmp_path: Path) -> None:
    """The error has its own code."""
    with pytest.raises(Reject) as error:
        split_all(make_video(tmp_path / "mute.mp4", audio=None), tmp_path)
    assert error.value.code == "no_audio"


def test_split_audio_streams_a_long_file(tmp_path: Path) -> None:
    """A long file exists one slice at a time on the disk, and no slice is missing."""
    part = make_audio(tmp_path / "part.mp3", seconds=60, tone_rise=50.0, extra=("-ar", "16000"))
    path = concat([part] * 101, tmp_path / "long.mp3")
    source, info = probed_input(path)
    assert info.duration_seconds == pytest.approx(6060, abs=15)
    ends, most_files, peak = [0.0], 0, 0.0
    for one in split_audio(
        source, info, target_slice_seconds=240, workdir=tmp_path, sandbox=SANDBOX,
    ):  # fmt: skip
        assert one.start_seconds == ends[-1]
        ends.append(one.end_seconds)
        with wave.open(str(one.path)) as file:
            loud = np.frombuffer(file.readframes(16000), dtype="<i2")
        peak = max(peak, float(np.abs(loud).max()))
        most_files = max(most_files, len(list(tmp_path.glob("slice-*"))))
        one.path.unlink()
    assert ends[-1] == pytest.approx(info.duration_seconds, abs=0.1)
    assert 25 <= len(ends) - 1 <= 35
    assert (most_files, peak > 1000) == (1, True)
