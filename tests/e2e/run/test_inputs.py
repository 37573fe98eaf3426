"""The containers, codecs, shapes and names that must work, all in one `videomoments run`."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.documents import Json
from tests.support.databases.server import DatabaseServer
from tests.support.media.factory import make_audio, make_video
from tests.support.processes.command import check_outputs, environment, run_json, write_cues

SECONDS = 12.0
LONG_NAME = "n" * 196 + ".mp4"


def _video(path: Path, **changes: object) -> Path:
    write_cues(path.with_suffix(".srt"))
    return make_video(path, **{"seconds": SECONDS, **changes})


def _audio(path: Path) -> Path:
    write_cues(path.with_suffix(".srt"))
    return make_audio(path, seconds=SECONDS)


SPOKEN: dict[str, dict[str, object]] = {
    "h264-aac.mp4": {},
    "h264-mp3.mkv": {"audio": "mp3"},
    "hevc-aac.mov": {"codec": "hevc"},
    "hevc-aac.mkv": {"codec": "hevc"},
    "vp9-opus.webm": {"codec": "vp9", "audio": "opus"},
    "av1-opus.webm": {"codec": "av1", "audio": "opus"},
    "av1-aac.mp4": {"codec": "av1"},
    "variable-rate.mp4": {"vfr": True},
    "phone.mov": {"rotate": 90},
    "late-audio.mp4": {"audio_delay_seconds": 1.5},
    "video-only.mp4": {"audio": None},
    "stream.ts": {"start_offset_seconds": 3.0},
    "Été à 日本 100% #1 (final).mp4": {},
    "-dash 'quote' \"double\".mp4": {},
    LONG_NAME: {},
}
AUDIO = ["podcast.mp3", "memo.m4a", "take.wav", "take.flac", "voice.ogg"]
WORDLESS: dict[str, dict[str, object]] = {
    "silence.mp4": {"silent": True},
    "three-seconds.mp4": {"seconds": 3.0},
    "no-audio.mp4": {"audio": None},
}


@pytest.fixture(scope="module")
def results(
    tmp_path_factory: pytest.TempPathFactory, database_server: DatabaseServer
) -> dict[str, Json]:
    """Each input's pipeline by file name."""
    folder = tmp_path_factory.mktemp("inputs")
    files = [_video(folder / name, **changes) for name, changes in SPOKEN.items()]
    files += [_audio(folder / name) for name in AUDIO]
    files += [
        make_video(folder / name, **{"seconds": SECONDS, **changes})
        for name, changes in WORDLESS.items()
    ]
    database = database_server.create()
    env = environment(database_url=database_server.url_of(database), min_moment_length_seconds="3")
    try:
        data = tmp_path_factory.mktemp("data")
        found = run_json("--data", data, "--max-length", "6", "--", *files, env=env)
    finally:
        database_server.drop(database)
    left = [path for path in (data / "buckets" / "derived").rglob("*") if "temporary" in path.parts]
    assert not left, "temporary objects are gone when the runs have ended"
    assert not list((data / "work").glob("*"))
    return {path.name: pipeline for path, pipeline in zip(files, found, strict=True)}


@pytest.mark.parametrize("name", [*SPOKEN, *AUDIO])
def test_run_makes_playable_clips_of_every_format_with_speech(
    results: dict[str, Json], name: str
) -> None:
    """Each container and codec gives pictures and clips that browsers play."""
    pipeline = results[name]
    assert pipeline["status"] == "completed", pipeline["error_message"]
    assert pipeline["transcript"]["full_text"].startswith("The tide turns twice a day")
    assert len(pipeline["clips"]) == len(pipeline["moments"]) >= 1
    assert all(clip["format"] in {"mp4", "webm", "m4a", "mp3"} for clip in pipeline["clips"])
    check_outputs(pipeline)
    has_picture = pipeline["video"]["resolution"] is not None
    assert has_picture == (name not in AUDIO)
    assert len(pipeline["thumbnails"]) == (len(pipeline["clips"]) + 1 if has_picture else 0)


def test_run_turns_a_rotated_video_upright(results: dict[str, Json]) -> None:
    """A phone's 320x180 with rotation 90 is 180x320 in the row and in its clips."""
    pipeline = results["phone.mov"]
    assert pipeline["video"]["resolution"] == "180x320"
    assert {clip["resolution"] for clip in pipeline["clips"]} == {"180x320"}


@pytest.mark.parametrize("name", WORDLESS)
def test_run_completes_without_speech(results: dict[str, Json], name: str) -> None:
    """Silent, soundless and short videos complete; those with movement have moments and clips."""
    pipeline = results[name]
    assert pipeline["status"] == "completed", pipeline["error_message"]
    assert [moment["title"][:8] for moment in pipeline["moments"]] == ["Scene at"]
    assert len(pipeline["clips"]) == 1
    assert len(pipeline["thumbnails"]) == 2
    assert (pipeline["transcript"] is None) == (name == "no-audio.mp4")
