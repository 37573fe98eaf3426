"""`videomoments run` killed in the middle, and started again."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from shared.domain.documents import Json
from tests.support.patience import PATIENCE_SECONDS
from tests.support.processes.command import (
    SAMPLE,
    check_outputs,
    command,
    environment,
    local_file,
    run_json,
    videomoments,
)

POINTS = [
    "start_pipeline",
    "probe_video",
    "split_audio",
    "generate_moments",
    "cut_clip",
    r"make_thumbnail .*\bcompleted",
    "pipeline completed",
]


def _kill_at(point: str, data: Path, env: dict[str, str]) -> None:
    """Start a run, and kill its whole process group once it reports `point`."""
    process = subprocess.Popen(
        command("run", SAMPLE, "--json", "--data", data),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
        env=env,
        start_new_session=True,
    )
    assert process.stderr is not None
    with process.stderr as lines:
        said = any(re.search(point, line) for line in lines)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=PATIENCE_SECONDS)
    assert said, f"the run never said {point!r}"


def _plain(pipeline: Json) -> Json:
    """The results that no kill may change: all except names and durations."""

    def without(row: Json, *names: str) -> Json:
        return {key: value for key, value in row.items() if key not in names}

    return {
        "status": pipeline["status"],
        "transcript": pipeline["transcript"],
        "moments": [without(moment, "identifier") for moment in pipeline["moments"]],
        "clips": [without(clip, "moment", "cloud_url") for clip in pipeline["clips"]],
        "thumbnails": [set(picture) for picture in pipeline["thumbnails"]],
    }


def _media_children() -> list[str]:
    return [
        " ".join(process.info["cmdline"])
        for process in psutil.process_iter(["cmdline"])
        if "shared.media.child.serve" in (process.info["cmdline"] or [])
    ]


@pytest.mark.parametrize("point", POINTS)
def test_run_ends_the_same_after_a_kill(point: str, tmp_path: Path, database_url: str) -> None:
    """After SIGKILL at any point the same command gives the same result; only garbage remains."""
    env = environment(database_url=database_url)
    _kill_at(point, tmp_path, env)
    (pipeline,) = run_json(SAMPLE, "--data", tmp_path, env=env)
    assert pipeline["status"] == "completed", pipeline["error_message"]
    check_outputs(pipeline)
    named = {local_file(row["cloud_url"]) for row in pipeline["clips"] + pipeline["thumbnails"]}
    there = {path for path in (tmp_path / "buckets" / "derived").rglob("*") if path.is_file()}
    # Killed between an upload and its row, a run leaves an object that `gc` finds.
    assert named <= there
    done = videomoments("gc", "--grace-hours", "0", "--data", tmp_path, env=env)
    assert done.returncode == 0, done.stderr
    assert {path for path in there if path.exists()} == named
    assert not list((tmp_path / "work").glob("*"))


def test_run_ends_the_same_after_eight_kills(tmp_path: Path) -> None:
    """Eight kills, more than a stage's attempts, do not change the result."""
    env = environment()
    for point in ["probe_video", "split_audio", *["cut_clip"] * 6]:
        _kill_at(point, tmp_path / "killed", env)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _media_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    (killed,) = run_json(SAMPLE, "--data", tmp_path / "killed", env=env)
    (smooth,) = run_json(SAMPLE, "--data", tmp_path / "smooth", env=env)
    assert _plain(killed) == _plain(smooth)
