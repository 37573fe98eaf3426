"""Each invariant is broken once, and reports it."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from functions.upkeep import sweep as sweeping
from tests.support.faults.forbidden_states import FORBIDDEN
from tests.support.faults.invariants import Invariants
from tests.support.faults.small_media import what_is_wrong, wordless_video
from tests.support.faults.world import FaultWorld
from tests.support.media.factory import make_video, run_ffmpeg

LATER = "clock_timestamp() + interval '10 minutes'"
DAMAGE = {
    "lost: a pipeline never ended": "UPDATE pipeline_history SET completed_at = NULL",
    "lost: a pipeline of which nothing": "DELETE FROM stage_runs",
    "lost: moment-found": "DELETE FROM stage_runs WHERE stage = 'cut_clip'",
    "wrong status": "UPDATE pipeline_history SET status = 'partial'",
    "an end without its reason": "UPDATE pipeline_history SET error_stage = 'cut_clip'",
    "a run and its history differ": "UPDATE runs SET kind = 'another'",
    "a message not handled": "UPDATE stage_runs SET status = 'queued'",
    "an expired lease": f"UPDATE stage_runs SET lease_expires_at = {LATER}",
    "a failure without its reason": "UPDATE stage_runs SET status = 'skipped'",
    "completed, but its moments": "DELETE FROM clips",
    "a completed clip without": "DELETE FROM thumbnails WHERE clip_id IS NOT NULL",
    "a picture that was made of": "DELETE FROM thumbnails WHERE video_id IS NOT NULL",
    "words that were heard": "DELETE FROM transcripts",
    "miscounted clips": "UPDATE pipeline_history SET total_clips_created = 7",
    "a row names what is not there": "UPDATE clips SET cloud_url = cloud_url || 'x'",
    "no row names": "DELETE FROM clips",
    "completed, but something was never begun": "UPDATE stage_runs "
    "SET status = 'skipped', error_code = 'pipeline_failed', error_message = 'x' WHERE id = 1",
    "doubled: more than one row of a moment": "INSERT INTO moments (identifier, video_id, "
    "generation_config_id, start_time, end_time, title) SELECT identifier || 'x', video_id, "
    "generation_config_id, start_time, end_time, title FROM moments",
    "doubled: one object": "UPDATE thumbnails SET cloud_url = (SELECT min(cloud_url) FROM clips)",
}
HALF_DELETED = "a deletion that was never finished"
# The schema itself forbids the rows that these ask for.
FORBIDDEN_BY_SCHEMA = (
    "doubled: more than one transcript",
    "doubled: more than one clip",
    "doubled: more than one thumbnail",
)


@pytest.fixture
def done(make_world: Callable[..., FaultWorld]) -> FaultWorld:
    """A world with a completed run."""
    world = make_world()
    world.drop()
    world.settle(workers=1)
    return world


@pytest.mark.parametrize("wrong", DAMAGE)
def test_invariants_report_a_damaged_row(wrong: str, done: FaultWorld) -> None:
    """They report missing, wrong and late rows."""
    with done.engine.begin() as connection:
        connection.execute(text(DAMAGE[wrong]))
    violations = Invariants(done).violations()
    assert any(said.startswith(wrong) for said in violations), violations
    done.clear()


def test_every_invariant_is_broken_by_a_test() -> None:
    """Each query is seen to find something, except for states that the schema forbids."""
    shown = (*DAMAGE, HALF_DELETED, *FORBIDDEN_BY_SCHEMA)
    assert [what for what, _ in FORBIDDEN if not what.startswith(shown)] == []


def test_invariants_report_an_unfinished_deletion(
    done: FaultWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They report a deletion that no sweep finishes."""
    monkeypatch.setattr(sweeping, "resume_deletions", lambda _: [])
    with done.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO deletions (video, source_url, with_source) VALUES ('x', 'y', false)")
        )
    assert [said.startswith(HALF_DELETED) for said in Invariants(done).violations()] == [True]
    done.clear()


def test_invariants_report_a_zombie(done: FaultWorld) -> None:
    """They report a child that ended without being reaped."""
    child = subprocess.Popen(["true"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    violations = Invariants(done, patience_seconds=1).violations()
    child.wait()
    assert violations == ["a process is left: zombie true"]


def test_invariants_report_an_orphan(done: FaultWorld) -> None:
    """They report a dead worker's child by the folder it worked in."""
    environment = {"TMPDIR": str(done.folder / "work" / "0"), "PATH": os.defpath}
    # Its parent ends at once, so that it is nobody's.
    command = ["sh", "-c", "sleep 60 >/dev/null & echo $!"]
    orphan = int(subprocess.check_output(command, env=environment, stderr=subprocess.DEVNULL))
    violations = Invariants(done, patience_seconds=1).violations()
    os.kill(orphan, signal.SIGKILL)
    assert violations == ["a process is left: sleep 60"]


def test_invariants_report_a_broken_derived_file(done: FaultWorld) -> None:
    """They read each file that a row names."""
    violations = Invariants(done, what_is_wrong).violations()
    assert len(violations) == len(done.objects())


@pytest.mark.parametrize("name", ["work/videomoments-1-a/x", "work/x", "buckets/.incoming/x"])
def test_invariants_report_a_temporary_file(name: str, done: FaultWorld) -> None:
    """They report leftovers where attempts and uploads keep their files."""
    left = done.folder / name
    left.parent.mkdir(parents=True, exist_ok=True)
    left.touch()
    assert f"a temporary file is left: {name}" in Invariants(done).violations()
    left.unlink()
    if left.parent.name.startswith("videomoments-"):
        left.parent.rmdir()


def test_invariants_report_slices_of_a_run_that_did_not_fail(done: FaultWorld) -> None:
    """Only a failed run keeps its slices."""
    (run,) = done.pipelines()
    folder = f"{done.context.derived_url}/temporary"
    for kept in ("pipeline/another", run.identifier.replace(":", "/")):
        done.files.upload(_a_file(done), f"{folder}/{kept}/audio/x/00000.wav")
    violations = Invariants(done).violations()
    assert len([said for said in violations if said.startswith("no row names")]) == 2
    done.clear()


def _a_file(world: FaultWorld) -> Path:
    path = world.folder / "source.tmp"
    path.write_text("x")
    return path


def test_picture_check_reports_a_truncated_jpeg(tmp_path: Path) -> None:
    """They report a JPEG without its end or content, and accept a whole one."""
    whole = tmp_path / "whole.jpg"
    run_ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x180", "-frames:v", "1", f"file:{whole}")
    assert what_is_wrong(whole) is None
    part = tmp_path / "part.jpg"
    for size in (0, 3, 300):
        part.write_bytes(whole.read_bytes()[:size])
        assert what_is_wrong(part), size


def test_clip_check_reports_a_broken_clip(tmp_path: Path) -> None:
    """They report a truncated, silent or short clip, and accept a whole one."""
    whole = make_video(tmp_path / "whole.mp4", seconds=6, faststart=True)
    assert what_is_wrong(whole) is None
    half = tmp_path / "half.mp4"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    assert what_is_wrong(half)
    assert what_is_wrong(make_video(tmp_path / "short.mp4", seconds=0.5)) == "too short"
    assert what_is_wrong(make_video(tmp_path / "mute.mp4", audio=None)) == "no picture or no sound"
    assert what_is_wrong(wordless_video(tmp_path)) is None
