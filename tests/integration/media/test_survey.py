"""Surveys of real files without speech: scenes, loudness and problems."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from shared.domain.footage import Footage
from shared.media.input import LocalInput, open_input
from shared.media.loudness import loudness
from shared.media.probe import probe
from shared.media.sandbox.runner import Limits, Sandbox
from shared.media.survey import Survey, survey
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.scene_moments import find_scene_moments
from shared.moments.rules.signals import signals_of
from tests.support.media.factory import make_audio, make_video, run_ffmpeg
from tests.support.media.scenes import SIZE, make_scenes
from tests.support.media.storage import RemoteStore
from tests.support.patience import PATIENCE_SECONDS

SANDBOX = Sandbox(Limits(), PATIENCE_SECONDS)
USUAL = Bounds(4, 60, 1, 10)
BURSTS = "if(between(t,8,13)+between(t,22,27),0.5*sin(2*PI*600*t),0.002*sin(2*PI*90*t))"


def survey_of(path: Path) -> Survey:
    """The survey of a file."""
    source = LocalInput(path)
    info = probe(source, sandbox=SANDBOX)
    return survey(source, info, sandbox=SANDBOX)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
def test_survey_finds_scenes_where_they_begin(suffix: str, tmp_path: Path) -> None:
    """A silent video of four scenes gives the cuts to the frame and a moment for each scene."""
    seen = survey_of(make_scenes(tmp_path / f"scenes.{suffix}"))
    assert seen.problems == ()
    assert seen.footage.loudness_db == ()
    scenes = signals_of(seen.footage).scenes.tolist()
    assert [t for t in (12.0, 20.0, 35.0) if min(abs(t - s) for s in scenes) < 0.05] == [12, 20, 35]
    starts = [m.span.start_seconds for m in find_scene_moments(seen.footage, USUAL)]
    assert starts == pytest.approx([0, 12, 20, 35], abs=0.05)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_survey_is_the_same_for_a_remote_object(suffix: str, tmp_path: Path) -> None:
    """A served object gives the same survey as the file."""
    path = make_scenes(tmp_path / f"scenes.{suffix}", sound=BURSTS)
    store = RemoteStore()
    with open_input(store, store.put(path), generation="1", workdir=tmp_path) as source:
        info = probe(source, sandbox=SANDBOX)
        seen = survey(source, info, sandbox=SANDBOX)
        assert source.bytes_read == store.bytes_read > 0
    assert seen == survey_of(path)


def test_survey_finds_loud_moments_where_they_sound(tmp_path: Path) -> None:
    """One still picture and two bursts give two moments, little wider than the bursts."""
    path = tmp_path / "bursts.mkv"
    picture = ["-f", "lavfi", "-i", f"color=c=gray:{SIZE}:d=40"]
    sound = ["-f", "lavfi", "-i", f"aevalsrc=exprs='{BURSTS}':s=44100:d=40"]
    run_ffmpeg(*picture, *sound, "-c:v", "libx264", "-c:a", "aac", f"file:{path}")
    seen = survey_of(path)
    levels = seen.footage.loudness_db
    assert len(levels) == pytest.approx(80, abs=1)
    assert levels[20] == pytest.approx(-9.0, abs=1.5)
    assert levels[4] < -50
    found = find_scene_moments(seen.footage, USUAL)
    assert len(found) == 2
    for moment, (first, last) in zip(found, [(8, 13), (22, 27)], strict=True):
        assert first - 3 <= moment.span.start_seconds <= first + 0.01
        assert last - 0.01 <= moment.span.end_seconds <= last + 3


def test_survey_finds_moments_in_music_alone(tmp_path: Path) -> None:
    """A sound file that swells twice gives a moment at each peak."""
    path = tmp_path / "music.mp3"
    swell = "0.5*(0.15+pow(sin(t/9),2))*sin(2*PI*(220+30*floor(mod(t*2,5)))*t)"
    run_ffmpeg("-f", "lavfi", "-i", f"aevalsrc=exprs='{swell}':s=44100:d=56", f"file:{path}")
    seen = survey_of(path)
    assert seen.footage.pictures == ()
    found = find_scene_moments(seen.footage, USUAL)
    peaks = [14.1, 42.4]
    assert [any(m.span.start_seconds < p < m.span.end_seconds for m in found) for p in peaks] == [
        True,
        True,
    ]


Maker = Callable[[Path], Path]
DULL: dict[str, Maker] = {
    "black and silent": lambda p: make_video(p / "a.mp4", plain="black", silent=True, seconds=12),
    "one colour, no sound": lambda p: make_video(p / "a.mp4", plain="teal", audio=None, seconds=12),
    "silence alone": lambda p: make_audio(p / "a.flac", silent=True, seconds=12),
    "a steady tone": lambda p: make_audio(p / "a.wav", tone_rise=0, seconds=12),
}


@pytest.mark.parametrize("make", DULL.values(), ids=DULL.keys())
def test_survey_finds_no_moment_when_nothing_happens(make: Maker, tmp_path: Path) -> None:
    """Black, one colour, silence and a steady tone give no moment."""
    assert find_scene_moments(survey_of(make(tmp_path)).footage, USUAL) == []


def test_survey_ignores_grain(tmp_path: Path) -> None:
    """Camera noise over a still scene gives no moment."""
    path = tmp_path / "grain.mp4"
    noisy = f"color=c=gray:{SIZE}:d=12,noise=alls=25:allf=t"
    run_ffmpeg("-f", "lavfi", "-i", noisy, "-c:v", "libx264", "-g", "25", f"file:{path}")
    seen = survey_of(path)
    assert len(seen.footage.pictures) >= 10
    assert find_scene_moments(seen.footage, USUAL) == []


def test_survey_decodes_two_pictures_a_second_when_all_are_keyframes(tmp_path: Path) -> None:
    """An intra-only codec costs no more pictures than any other."""
    seen = survey_of(make_video(tmp_path / "a.mov", codec="prores", audio=None, seconds=6))
    times = [p.seconds for p in seen.footage.pictures]
    assert 10 <= len(times) <= 13
    assert all(b - a >= 0.5 for a, b in pairwise(times))


def test_survey_counts_times_from_the_start_of_the_video(tmp_path: Path) -> None:
    """A file whose clock starts at 100 s has its pictures from 0 s on."""
    path = make_video(tmp_path / "late.ts", start_offset_seconds=100, seconds=6)
    times = [p.seconds for p in survey_of(path).footage.pictures]
    assert times[0] == pytest.approx(0, abs=0.1)
    assert times[-1] < 6


def test_loudness_stops_when_its_time_is_over(tmp_path: Path) -> None:
    """The loudness measured so far is returned, and ffmpeg is stopped."""
    path = make_audio(tmp_path / "long.flac", seconds=900, tone_rise=0)
    source = LocalInput(path)
    info = probe(source, sandbox=SANDBOX)
    heard = loudness(
        source,
        info,
        step_seconds=0.5,
        sandbox=SANDBOX,
        work_seconds=0,
    )
    assert 0 < len(heard) < 1800
    commands = [child.cmdline() for child in psutil.Process().children(recursive=True)]
    assert not [command for command in commands if str(path) in " ".join(command)]


def test_survey_reports_pictures_that_cannot_be_decoded(tmp_path: Path) -> None:
    """Only the pictures are lost; the sound still gives its moments."""
    path = make_scenes(tmp_path / "scenes.mp4", sound=BURSTS)
    source = LocalInput(path)
    info = probe(source, sandbox=SANDBOX)
    small = Limits(max_pixels=100 * 100)
    seen = survey(source, info, sandbox=Sandbox(small, PATIENCE_SECONDS))
    assert seen.footage.pictures == ()
    assert any("picture" in problem for problem in seen.problems)
    sound = Footage(seen.footage.duration_seconds, (), seen.footage.loudness_db)
    assert len(find_scene_moments(sound, USUAL)) == 2
