"""`videomoments run` on videos without speech."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.media.factory import make_video
from tests.support.media.scenes import make_scenes
from tests.support.processes.command import (
    check_outputs,
    environment,
    probed,
    run_json,
    videomoments,
)


def test_run_cuts_the_scenes_of_a_silent_film(tmp_path: Path) -> None:
    """Clips of the scenes keep the bounds, and the output explains how they were chosen."""
    film = make_scenes(tmp_path / "film.mp4")
    data = ("--data", tmp_path / "data")
    bounds = ("--min-length", "4", "--max-length", "13")
    (found,) = run_json(film, *bounds, *data)
    assert (found["status"], found["error_message"]) == ("completed", None)
    assert found["transcript"] is None
    told = videomoments("run", film, *bounds, *data, env=environment()).stdout
    assert "The file has no audio.\nNo speech: moments chosen from scene changes.\n" in told
    starts = [moment["start_time"] for moment in found["moments"]]
    assert {12.0, 20.0, 35.0} <= {round(start, 1) for start in starts}
    lengths = [m["end_time"] - m["start_time"] for m in found["moments"]]
    assert all(4 - 1e-6 <= length <= 13 + 1e-6 for length in lengths)
    assert len(found["clips"]) == len(found["moments"])
    by_moment = {moment["identifier"]: moment for moment in found["moments"]}
    for clip in found["clips"]:
        # Padding would begin a clip with the end of another scene.
        begins = by_moment[clip["moment"]]["start_time"]
        if round(begins, 1) in {12.0, 20.0, 35.0}:
            assert clip["start_time"] == pytest.approx(begins, abs=0.05)
    assert all(probed(clip["cloud_url"]).audio is None for clip in found["clips"])
    check_outputs(found)
    shown = videomoments("show", found["moments"][0]["identifier"], "--prompt", "--json", *data)
    assert "No speech" in json.loads(shown.stdout)["prompt"]["system"]
    (again,) = run_json(film, *bounds, *data)
    assert again["moments"] == found["moments"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "less than the 5 s of the shortest moment"), (("--min-length", "1"), "does not change")],
)
def test_run_says_why_it_found_no_moment(
    arguments: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    """Three black, silent seconds complete without a moment, with the reason in plain words."""
    path = make_video(tmp_path / "black.mp4", plain="black", silent=True, seconds=3)
    done = videomoments("run", path, *arguments, "--data", tmp_path / "data", env=environment())
    assert done.returncode == 0, done.stderr
    assert "0 moments, 0 clips" in " ".join(done.stdout.split())
    assert said in " ".join(done.stdout.split())


def test_run_says_how_to_find_moments_when_clips_only_has_none(tmp_path: Path) -> None:
    """Without moments, clips_only gives the command that finds them."""
    path = make_video(tmp_path / "black.mp4", plain="black", silent=True, seconds=3)
    only = ("run", path, "--pipeline-type", "clips_only", "--data", tmp_path / "data")
    done = videomoments(*only, env=environment())
    assert done.returncode == 0, done.stderr
    assert "has no moments yet: a run of type full finds them" in " ".join(done.stdout.split())


def test_run_keeps_the_scores_of_a_silent_film(tmp_path: Path) -> None:
    """A scoring run completes without asking the model, and gives the reason."""
    film = make_scenes(tmp_path / "film.mp4")
    data = ("--data", tmp_path / "data")
    run_json(film, "--pipeline-type", "moments_only", *data)
    env = environment(llm_url="http://127.0.0.1:9/v1")
    (found,) = run_json(film, "--pipeline-type", "scores_only", "--model", "judge", *data, env=env)
    assert found["status"] == "completed"
    said = videomoments("explain", found["video"]["identifier"], *data).stdout
    assert "a model scores what is said" in " ".join(said.split())
    assert found["moments"]
    for moment in found["moments"]:
        shown = videomoments("show", moment["identifier"], "--json", *data)
        assert json.loads(shown.stdout)["generation_model"] == "scenes-1"
