"""The recording's sound as slices: every sample once, on the recording's timeline."""

from __future__ import annotations

import wave
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from shared.errors import Reject
from shared.media.audio import AudioSlice, split_audio
from tests.support.media.cases import CASES, SANDBOX, Case, opened
from tests.support.media.factory import concat, make_audio, make_video
from tests.support.media.readings import is_silent, tone_time


def split(path: Path, workdir: Path, target: float = 2.5) -> list[AudioSlice]:
    """Every slice of the file."""
    source, info = opened(path)
    return list(
        split_audio(
            source, info, target_slice_seconds=target, workdir=workdir, sandbox=SANDBOX,
        )
    )  # fmt: skip


def assert_abut(slices: list[AudioSlice]) -> None:
    """From 0 on without gap or overlap, each as long as its file."""
    assert slices[0].start_seconds == 0
    assert [one.index for one in slices] == list(range(len(slices)))
    assert all(a.end_seconds == b.start_seconds for a, b in pairwise(slices))
    for one in slices:
        with wave.open(str(one.path)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16000, 1, 2)
            length = one.end_seconds - one.start_seconds
            assert file.getnframes() == pytest.approx(length * 16000, abs=0.01)


@pytest.mark.parametrize("case", [case for case in CASES if case.audio], ids=str)
def test_slices_of_every_input_tell_the_right_time(case: Case, tmp_path: Path) -> None:
    """The tone in each slice is that of the recording's second it is said to be."""
    slices = split(case.make(tmp_path / case.name), tmp_path)
    assert_abut(slices)
    assert slices[-1].end_seconds == pytest.approx(6.0, abs=0.1)
    for one in slices[1:]:
        heard = tone_time(one.path, 0.5) + case.sound_late_seconds
        assert heard == pytest.approx(one.start_seconds + 0.5, abs=0.04)


def test_sound_that_begins_late_is_preceded_by_silence(tmp_path: Path) -> None:
    """What is missing at the beginning is filled, not shifted away."""
    slices = split(make_video(tmp_path / "late.mp4", audio_delay_seconds=1.5), tmp_path, 10)
    assert is_silent(slices[0].path, 0.1, 1.4)
    assert not is_silent(slices[0].path, 1.6, 2.0)


def test_a_hole_in_the_sound_stays_a_hole(tmp_path: Path) -> None:
    """After packets that are missing the sound is where it belongs."""
    drop = "noise=drop='between(pts*tb,2,3.5)'"
    path = make_video(tmp_path / "hole.mkv", extra=("-bsf:a", drop))
    (one,) = split(path, tmp_path, 10)
    assert is_silent(one.path, 2.2, 3.3)
    assert tone_time(one.path, 5.0) == pytest.approx(5.0, abs=0.04)


def test_the_picture_that_begins_late_does_not_move_the_sound(tmp_path: Path) -> None:
    """Clip times and slice times share one zero: a transport stream's first presentation."""
    path = make_video(tmp_path / "clock.ts", start_offset_seconds=7000)
    (one,) = split(path, tmp_path, 10)
    _, info = opened(path)
    assert info.origin_seconds > 7000
    assert tone_time(one.path, 3.0) == pytest.approx(3.0, abs=0.04)


def test_silence_is_sliced_like_anything_else(tmp_path: Path) -> None:
    """A silent recording gives its whole length in silent slices."""
    slices = split(make_video(tmp_path / "silent.mp4", silent=True), tmp_path)
    assert_abut(slices)
    assert slices[-1].end_seconds == pytest.approx(6.0, abs=0.1)
    assert all(is_silent(one.path, 0, 0.3) for one in slices)


def test_three_seconds_are_one_slice(tmp_path: Path) -> None:
    """A recording shorter than the target is one slice."""
    assert len(split(make_audio(tmp_path / "short.mp3", seconds=3), tmp_path, 300)) == 1


def test_without_sound_there_is_nothing_to_split(tmp_path: Path) -> None:
    """The caller is told with a code of its own."""
    with pytest.raises(Reject) as error:
        split(make_video(tmp_path / "mute.mp4", audio=None), tmp_path)
    assert error.value.code == "no_audio"


def test_a_hundred_minutes_are_split_quickly_and_with_little_memory(tmp_path: Path) -> None:
    """A long recording streams: one slice at a time, deleted by its reader, none missing."""
    part = make_audio(tmp_path / "part.mp3", seconds=60, tone_rise=50.0, extra=("-ar", "16000"))
    path = concat([part] * 101, tmp_path / "long.mp3")
    source, info = opened(path)
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
