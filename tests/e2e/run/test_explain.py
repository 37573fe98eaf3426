"""A failed run as a user sees and fixes it: explain, retry, status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.domain.documents import Json
from tests.support.media.factory import make_video
from tests.support.processes.command import SAMPLE, environment, run_json, videomoments

STAGE_KEYS = {
    "stage",
    "subject",
    "status",
    "attempt",
    "error_code",
    "error_message",
    "metrics",
    "seconds",
    "bytes_read",
    "bytes_written",
    "queued_at",
    "started_at",
    "completed_at",
}


@pytest.fixture
def env(database_url: str) -> dict[str, str]:
    """The settings of all commands of a test."""
    return environment(database_url=database_url, max_moments="2", retry_base_seconds="0.1")


def stages(video: str, data: Path, env: dict[str, str]) -> list[Json]:
    """The steps of the video's one run."""
    done = videomoments("status", video, "--json", "--data", data, env=env)
    (pipeline,) = json.loads(done.stdout)["pipelines"]
    found: list[Json] = pipeline["stages"]
    return found


def test_retry_repeats_only_the_failed_steps(tmp_path: Path, env: dict[str, str]) -> None:
    """With a file in the way of clips the run is partial; without it a retry completes the run."""
    data = tmp_path / "data"
    in_the_way = data / "buckets" / "derived" / "clips"
    in_the_way.parent.mkdir(parents=True)
    in_the_way.write_text("a file", encoding="utf-8")
    (pipeline,) = run_json(SAMPLE, "--data", data, env=env, expect=1)
    video = pipeline["video"]["identifier"]
    assert (pipeline["status"], pipeline["error_stage"]) == ("partial", "cut_clip")

    told = videomoments("explain", video, "--data", data, env=env).stdout
    assert "It is partial" in told
    assert "What failed: cutting a clip (cut_clip), 2 times, for the moments “" in told
    assert f"{in_the_way} is a file where a folder is needed. Move it away." in told
    assert "What to do: " in told
    assert f"videomoments retry {video}" in told
    assert told.endswith(f"Add to each of these commands: --data {data}\n")
    listed = videomoments("status", "--data", data, env=env).stdout
    assert listed.endswith(f"Add to each of these commands: --data {data}\n")

    other = videomoments("retry", video, "--stage", "probe_video", "--data", data, env=env)
    assert (other.returncode, "Nothing failed in probe_video" in other.stderr) == (1, True)

    before = {(s["stage"], s["subject"]): s["completed_at"] for s in stages(video, data, env)}
    in_the_way.unlink()
    done = videomoments("retry", video, "--stage", "cut_clip", "--data", data, env=env)
    assert done.returncode == 0, done.stderr
    after = stages(video, data, env)
    assert {stage["status"] for stage in after} <= {"completed", "skipped"}
    again = {
        s["stage"] for s in after if before.get((s["stage"], s["subject"])) != s["completed_at"]
    }
    assert again == {"cut_clip", "make_thumbnail"}
    assert [s["attempt"] for s in after if s["stage"] == "probe_video"] == [1]


def test_explain_covers_a_file_that_is_not_a_video(tmp_path: Path, env: dict[str, str]) -> None:
    """It gives reason, meaning and remedy; a retry fails again with exit code 1."""
    text = tmp_path / "talk.mp4"
    text.write_text("This is no video.\n" * 50, encoding="utf-8")
    data = tmp_path / "data"
    (pipeline,) = run_json(text, "--data", data, env=env, expect=1)
    video = pipeline["video"]["identifier"]
    told = videomoments("explain", video, "--data", data, env=env).stdout
    for words in (
        "It failed",
        "probe_video",
        "code not_media",
        "Upload an mp4",
        "a retry of this one would not help",
    ):
        assert words in told
    assert "Then: videomoments retry" not in told
    again = videomoments("retry", video, "--data", data, env=env)
    assert again.returncode == 1
    assert f"videomoments explain {video}" in again.stderr


def test_run_and_explain_report_a_file_cut_short(tmp_path: Path, env: dict[str, str]) -> None:
    """The run completes with the existing part; both commands report the promised length."""
    film = make_video(tmp_path / "talk.mp4", seconds=12.0, faststart=True)
    film.write_bytes(film.read_bytes()[: film.stat().st_size * 6 // 10])
    data = tmp_path / "data"
    done = videomoments("run", film, "--data", data, env=env)
    assert done.returncode == 0, done.stderr
    assert "The file says it is 0:12 long and ends at 0:0" in done.stdout
    shown = json.loads(videomoments("status", "--json", "--data", data, env=env).stdout)
    video = shown["pipelines"][0]["video"]["identifier"]
    told = videomoments("explain", video, "--data", data, env=env).stdout
    assert "it is cut short" in told
    assert "What to do: nothing." not in told


def test_status_shows_state_attempt_time_and_bytes(tmp_path: Path, env: dict[str, str]) -> None:
    """It shows each step as JSON and as a table; failures outside runs can be removed."""
    data = tmp_path / "data"
    (pipeline,) = run_json(SAMPLE, "--data", data, env=env)
    video = pipeline["video"]["identifier"]
    found = stages(video, data, env)
    assert all(stage.keys() >= STAGE_KEYS for stage in found)
    cut = next(stage for stage in found if stage["stage"] == "cut_clip")
    assert cut["bytes_written"] > 1000
    assert cut["seconds"] > 0
    assert cut["started_at"] <= cut["completed_at"]
    table = videomoments("status", video, "--data", data, env={**env, "COLUMNS": "200"}).stdout
    for word in ("Attempt", "Seconds", "Read", "Written", "cut_clip", "KiB"):
        assert word in table

    message = json.dumps({"video": "nobody-0123456789"})
    videomoments("publish", "pipeline-requested", message, "--data", data, env=env)
    shown = json.loads(videomoments("status", "--json", "--data", data, env=env).stdout)
    assert [failure["error_code"] for failure in shown["failures"]] == ["unknown_video"]
    doctor = videomoments("doctor", "--json", "--data", data, env=env)
    report = json.loads(doctor.stdout)
    assert (doctor.returncode, report["ok"]) == (1, False)
    wrong = [check["name"] for check in report["checks"] if check["state"] == "problem"]
    assert wrong == ["dead letters"]
    videomoments("status", "--forget-failures", "--data", data, env=env)
    left = json.loads(videomoments("status", "--json", "--data", data, env=env).stdout)
    assert left["failures"] == []


@pytest.mark.parametrize("name", ["explain", "retry", "delete"])
def test_explain_answers_an_unknown_video_in_one_line(
    name: str, tmp_path: Path, env: dict[str, str]
) -> None:
    """The exit code is 1, and the line says where to find the known videos."""
    done = videomoments(name, "nobody-0123456789", "--data", tmp_path, env=env)
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "videomoments status" in line
