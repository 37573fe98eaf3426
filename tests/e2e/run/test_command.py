"""`videomoments run` on the shipped sample, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.domain.documents import Json
from tests.support.processes.command import (
    SAMPLE,
    check_outputs,
    environment,
    local_file,
    run_json,
    videomoments,
)

KEYS = {
    "identifier": str,
    "status": str,
    "pipeline_type": str,
    "duration_seconds": float,
    "error_stage": type(None),
    "error_message": type(None),
    "video": dict,
    "transcript": dict,
    "moments": list,
    "clips": list,
    "thumbnails": list,
}

FIELDS = {
    "video": "identifier cloud_url duration_seconds resolution video_codec audio_codec frame_rate "
    "file_size_kb",
    "transcript": "language full_text number_of_words number_of_segments transcription_service",
    "moments": "identifier start_time end_time title score is_refined",
    "clips": "moment cloud_url start_time end_time padding_left padding_right format resolution",
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an embedded database, used by all tests of this file in order."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def first(data: Path) -> Json:
    """The first run on the sample."""
    (pipeline,) = run_json(SAMPLE, "--data", data)
    return pipeline


def test_run_json_has_the_documented_shape(first: Json) -> None:
    """Each documented field is there with its type, and no other field is."""
    assert {key: type(value) for key, value in first.items()} == KEYS
    for part, fields in FIELDS.items():
        found = first[part][0] if isinstance(first[part], list) else first[part]
        assert set(found) == set(fields.split()), part
    assert [set(picture) for picture in first["thumbnails"]] == [
        {"video", "cloud_url"},
        *[{"clip", "cloud_url"}] * len(first["clips"]),
    ]


def test_run_makes_moments_clips_and_thumbnails_of_the_sample(first: Json) -> None:
    """Each of several moments has a clip that plays and a picture."""
    assert first["status"] == "completed"
    assert len(first["moments"]) >= 3
    assert len(first["clips"]) == len(first["moments"])
    assert len(first["thumbnails"]) == len(first["clips"]) + 1
    assert first["transcript"]["language"] == "en"
    check_outputs(first)


def test_run_reuses_results_of_the_same_file(first: Json, data: Path) -> None:
    """A second run prints the same document and touches no file."""
    before = {c["cloud_url"]: local_file(c["cloud_url"]).stat().st_mtime_ns for c in first["clips"]}
    (again,) = run_json(SAMPLE, "--data", data)
    assert again == first
    after = {c["cloud_url"]: local_file(c["cloud_url"]).stat().st_mtime_ns for c in again["clips"]}
    assert before == after


def test_run_makes_moments_only_then_clips_only(first: Json, data: Path) -> None:
    """With other bounds it makes moments without clips, then the missing clips."""
    bounds = ["--max-moments", "2", "--max-length", "20", "--data", str(data)]
    (found,) = run_json(SAMPLE, "--pipeline-type", "moments_only", *bounds)
    assert found["status"] == "completed"
    assert found["clips"] == []
    assert 1 <= len(found["moments"]) <= 2
    assert all(m["end_time"] - m["start_time"] <= 20.001 for m in found["moments"])
    (cut,) = run_json(SAMPLE, "--pipeline-type", "clips_only", *bounds)
    assert cut["status"] == "completed"
    assert {m["identifier"] for m in found["moments"]} <= {c["moment"] for c in cut["clips"]}
    check_outputs(cut)


def test_run_cuts_missing_clips_after_other_moments(first: Json, data: Path) -> None:
    """clips_only after other moments is a new run that cuts the missing clips."""
    bounds = ["--max-moments", "3", "--data", str(data)]
    (before,) = run_json(SAMPLE, "--pipeline-type", "clips_only", *bounds)
    run_json(SAMPLE, "--pipeline-type", "moments_only", "--max-length", "14", *bounds)
    (after,) = run_json(SAMPLE, "--pipeline-type", "clips_only", *bounds)
    assert after["identifier"] != before["identifier"]
    assert len(after["clips"]) == len(after["moments"]) > len(before["moments"])
    (again,) = run_json(SAMPLE, "--pipeline-type", "clips_only", *bounds)
    assert again["identifier"] == after["identifier"]


def test_run_cuts_the_same_moments_again_with_other_padding(first: Json, data: Path) -> None:
    """The moments stay, the clips grow, and the rows hold the padding used."""
    (wide,) = run_json(SAMPLE, "--padding-left", "4", "--padding-right", "300", "--data", data)
    assert wide["moments"] == first["moments"]
    check_outputs(wide)
    last = max(wide["clips"], key=lambda clip: clip["start_time"])
    assert last["end_time"] == pytest.approx(wide["video"]["duration_seconds"], abs=0.2)
    assert wide["clips"][0]["padding_left"] >= min(4, wide["moments"][0]["start_time"]) - 0.05
    gone = [c for c in first["clips"] if local_file(c["cloud_url"]).exists()]
    assert not gone, "replaced clips are deleted"


def test_run_prints_a_table_on_stdout_and_progress_on_stderr(
    first: Json, data: Path, tmp_path: Path
) -> None:
    """Without --json, stdout has titles and paths, stderr the stages, and --out the copies."""
    done = videomoments("run", SAMPLE, "--data", data, "--out", tmp_path / "out dir")
    assert done.returncode == 0, done.stderr
    assert "completed" in done.stdout
    assert ".mp4" in done.stdout
    assert "generate_moments completed" in done.stderr
    folder = tmp_path / "out dir" / SAMPLE.stem
    copied = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    assert len(list(folder.glob("*.mp4"))) == len(copied["clips"])
    assert len(list(folder.glob("*.jpg"))) == len(copied["thumbnails"])


def test_log_has_no_text_of_the_transcript(first: Json, data: Path) -> None:
    """The log of all functions holds no phrase of the transcript and no title."""
    log = (data / "videomoments.log").read_text(encoding="utf-8")
    assert "generate_moments" in log
    words = first["transcript"]["full_text"].split()
    said = [" ".join(words[n : n + 3]) for n in range(len(words) - 2)]
    assert not [phrase for phrase in said if phrase in log]
    assert not [moment["title"] for moment in first["moments"] if moment["title"] in log]


def test_status_shows_runs_and_stages(first: Json, data: Path) -> None:
    """`status --json` lists the run; for one video it has every stage."""
    listed = json.loads(videomoments("status", "--json", "--data", data).stdout)
    assert first["identifier"] in [p["identifier"] for p in listed["pipelines"]]
    video = first["video"]["identifier"]
    of_one = json.loads(videomoments("status", video, "--json", "--data", data).stdout)
    stages = {stage["stage"] for stage in of_one["pipelines"][0]["stages"]}
    assert {"probe_video", "split_audio", "generate_moments", "cut_clip"} <= stages
    unknown = videomoments("status", "no-such-video", "--data", data)
    assert unknown.returncode == 1
    assert "no-such-video" in unknown.stderr
    assert "Traceback" not in unknown.stderr


def test_publish_runs_a_request_locally(first: Json, data: Path) -> None:
    """A published request runs; a malformed message is refused with the reason."""
    request = {"video": first["video"]["identifier"], "pipeline_type": "clips_only"}
    done = videomoments("publish", "pipeline-requested", json.dumps(request), "--data", data)
    assert done.returncode == 0, done.stderr
    wrong = videomoments("publish", "pipeline-requested", '{"video": 3}', "--data", data)
    assert wrong.returncode == 1
    assert "video" in wrong.stderr
    assert "Traceback" not in wrong.stderr
    nowhere = videomoments("publish", "no-such-topic", "{}", "--data", data)
    assert nowhere.returncode == 1
    assert "pipeline-requested" in nowhere.stderr


def test_commands_use_the_database_of_the_environment(database_url: str, tmp_path: Path) -> None:
    """VIDEOMOMENTS_DATABASE_URL names the server for every command."""
    env = environment(database_url=database_url)
    (pipeline,) = run_json(SAMPLE, "--data", tmp_path, "--max-moments", "1", env=env)
    assert len(pipeline["moments"]) == 1
    assert not (tmp_path / "postgres").exists()
    listed = videomoments("status", "--json", "--data", tmp_path, env=env)
    assert pipeline["identifier"] in listed.stdout
    current = videomoments("db", "current", "--data", tmp_path, env=env)
    assert current.returncode == 0
