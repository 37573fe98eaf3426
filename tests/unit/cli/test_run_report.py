"""The report of `explain` on a run in each of its states."""

from __future__ import annotations

from typing import Any

import pytest

from cli.insight.run_report import ENDS, run_lines
from cli.report.quantities import count_words, size_words, time_words
from shared.db.models import RunStatus
from shared.domain.documents import Json
from shared.error_codes import ERROR_CODES, ErrorCode
from shared.error_codes.environment import DISK_FULL, OUT_OF_MEMORY
from shared.error_codes.runs import LEASE_EXPIRED
from shared.error_codes.storage import STORAGE_UNAVAILABLE

VIDEO = "talk-0123456789"
MOMENT = {"identifier": "m1", "title": "On the tides", "start_time": 62.0, "is_refined": False}


def run(status: str, **values: Any) -> Json:
    """A run in the form of `results.pipeline_json`."""
    base = {
        "identifier": f"pipeline:{VIDEO}:0123456789ab",
        "status": status,
        "pipeline_type": "full",
        "duration_seconds": None if status == "running" else 72.0,
        "transcript": {"number_of_words": 256},
        "moments": [MOMENT],
        "clips": [],
        "thumbnails": [],
    }
    return {**base, **values}


def step(status: str, stage: str = "cut_clip", **values: Any) -> Json:
    """A stage run in the form of `stage_facts.stage_json`."""
    base = {
        "stage": stage,
        "subject": "m1",
        "status": status,
        "attempt": 1,
        "error_code": None,
        "error_message": None,
        "metrics": {},
        "seconds": 4.0,
        "waited_seconds": 2.0 if status == "queued" else None,
        "lease_seconds_left": 60.0 if status == "running" else None,
    }
    return {**base, **values}


def report_of(pipeline: Json, *steps: Json) -> str:
    """All lines of the report."""
    return "\n".join(run_lines(pipeline, steps, VIDEO))


def failed_step(code: str | None, **values: Any) -> Json:
    """A failed step."""
    return step("failed", error_code=code, error_message="It went wrong", **values)


def test_report_explains_a_failure_with_reason_meaning_and_command() -> None:
    """It names the step, its subject, the reason, the meaning and the command to run."""
    text = report_of(run("partial"), failed_step("attempts_exhausted"))
    assert "What failed: cutting a clip (cut_clip), for the moment “On the tides” at 1:02.0" in text
    assert "Why: Every allowed attempt failed" in text
    assert "It went wrong. (code attempts_exhausted)" in text
    assert f"`videomoments retry {VIDEO}`" in text
    assert text.endswith(f"videomoments retry {VIDEO}   (runs only the failed stages again)")


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_report_gives_the_remedy_of_every_error_code(code: str) -> None:
    """It advises a retry only if the remedy says that a retry can help."""
    text = report_of(run("failed"), failed_step(code))
    remedy = ERROR_CODES[code].remedy
    assert remedy.replace("VIDEO`", f"{VIDEO}`") in text
    assert ("Then: videomoments retry" in text) == ("videomoments retry" in remedy)


def test_report_groups_repeated_failures() -> None:
    """It gives the number of failures and the first moment concerned."""
    text = report_of(run("failed"), *[failed_step("damaged_media") for _ in range(5)])
    assert text.count("What failed") == 1
    assert "(cut_clip), 5 times" in text
    assert "and 2 more" in text


def test_report_tells_skipped_steps_from_unneeded_ones() -> None:
    """A failure prevented one step; the other had nothing to do."""
    text = report_of(
        run("failed"),
        failed_step("no_streams", stage="probe_video"),
        step("skipped", "make_thumbnail", error_code="pipeline_failed", error_message="x"),
        step("skipped", "split_audio", error_code="nothing_to_do", error_message="No sound"),
    )
    assert "Not started because of that: making a thumbnail (make_thumbnail)." in text
    assert "Skipped: taking out the sound (split_audio). No sound." in text


def test_report_shows_working_and_waiting_steps_when_the_run_is_under_way() -> None:
    """It shows workers, lost workers and next attempts with their last error."""
    text = report_of(
        run("running"),
        step("completed", "probe_video"),
        step("running", seconds=130.0, attempt=2),
        step("running", "make_thumbnail", lease_seconds_left=-12.0),
        step("queued", waited_seconds=-8.0, attempt=1, error_message="no answer"),
        step("queued"),
    )
    assert "1 of 5 known stages finished" in text
    assert "Running for 2 min 10 s: cutting a clip (cut_clip), attempt 2." in text
    assert "Its worker stopped responding 12 s ago" in text
    assert "Due in 8 s: cutting a clip (cut_clip) again. Attempt 1 failed: no answer." in text
    assert "Waiting for 2 s: cutting a clip (cut_clip)." in text
    assert text.endswith("What to do: wait.")


@pytest.mark.parametrize(
    "steps",
    [
        [step("queued", waited_seconds=4000.0)],
        [step("running", lease_seconds_left=-4000.0)],
        [step("queued", waited_seconds=4000.0), step("running", lease_seconds_left=-4000.0)],
    ],
)
def test_report_says_how_to_continue_when_no_worker_is_active(steps: list[Json]) -> None:
    """After a quiet period the report gives the command that continues the run."""
    text = report_of(run("running"), *steps)
    assert "no worker has touched this run" in text
    assert "videomoments doctor" in text


@pytest.mark.parametrize("status", sorted(ENDS))
def test_report_begins_with_the_outcome_and_duration(status: RunStatus) -> None:
    """Each final status has its own first sentence."""
    assert f"{ENDS[status]} It took 1 min 12 s." in report_of(run(status))


def test_report_counts_results() -> None:
    """A video without speech is told apart from a run without a transcript."""
    assert "a transcript of 256 words, 1 moment, no clips" in report_of(run("completed"))
    silent = run("completed", transcript={"number_of_words": 0})
    assert "no speech was found" in report_of(silent)
    assert "no transcript" in report_of(run("failed", transcript=None))


def test_amounts_are_rounded_to_readable_units() -> None:
    """Sizes, times and counts are right where the unit changes."""
    sizes = [size_words(n) for n in (0, 1, 1023, 1024, 1536, 1024**3, 5 * 1024**4)]
    assert sizes == ["", "1 B", "1023 B", "1.0 KiB", "1.5 KiB", "1.0 GiB", "5.0 TiB"]
    times = [time_words(n) for n in (0, 59.4, 59.6, 3599, 3600, 90_000)]
    assert times == ["0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "1 day 1 h"]
    assert [count_words(n, "clip") for n in (0, 1, 2)] == ["no clips", "1 clip", "2 clips"]


@pytest.mark.parametrize(
    ("cause", "error", "shown"),
    [
        (
            DISK_FULL,
            "OSError: [Errno 28] No space left on device",
            "The last error: No space left on device.",
        ),
        (
            STORAGE_UNAVAILABLE,
            "StorageUnavailable: gs://b/o: the store answers 503",
            "gs://b/o: the store answers 503.",
        ),
        (OUT_OF_MEMORY, "MediaError: ffmpeg ended with -9: it said nothing", "ended with -9"),
        (LEASE_EXPIRED, "The worker stopped responding.", "stopped responding."),
    ],
)
def test_report_explains_exhausted_attempts_by_the_last_code(
    cause: ErrorCode, error: str, shown: str
) -> None:
    """The recorded code gives reason and remedy; the message names no Python exception."""
    message = f"Gave up after 5 attempts. The last error: {error}"
    values: Json = {"error_message": message, "metrics": {"last_error_code": str(cause)}}
    text = report_of(run("failed"), step("failed", error_code="attempts_exhausted", **values))
    assert f"Why: {cause.meaning} " in text
    assert f"What to do: {cause.remedy} Then `videomoments retry {VIDEO}`." in text
    assert shown in text
    assert "Error:" not in text
    assert "Errno" not in text
    waiting = step("queued", waited_seconds=-8.0, error_code=str(cause), error_message=error)
    assert f"{cause.meaning} {cause.remedy}" in report_of(run("running"), waiting)


@pytest.mark.parametrize("metrics", [{}, {"last_error_code": "transient"}])
def test_report_shows_the_message_when_exhausted_attempts_have_no_code(metrics: Json) -> None:
    """The last release recorded no code of the last attempt, so its message is shown."""
    text = report_of(run("failed"), failed_step("attempts_exhausted", metrics=metrics))
    assert f"Why: {ERROR_CODES['attempts_exhausted'].meaning} It went wrong." in text


@pytest.mark.parametrize("code", ["OSError", "code_of_tomorrow", None])
def test_report_explains_a_code_of_another_release(code: str | None) -> None:
    """A run of another release can hold a code that this one does not know."""
    assert "Upgrade" in report_of(run("failed"), failed_step(code))
    waiting = step("queued", waited_seconds=-8.0, error_code=code, error_message="no answer")
    assert report_of(run("running"), waiting).count("no answer.") == 1


def test_report_gives_the_likely_reason_when_a_completed_run_has_no_moments() -> None:
    """Without speech it suggests silence or a failing speech engine; with speech, another prompt.

    The report does not question the speech engine when it heard hundreds of words.
    """
    silent = {"number_of_words": 0}
    assert "tests the speech engine" in report_of(run("completed", moments=[], transcript=silent))
    heard = run("completed", moments=[])
    assert "speech engine" not in report_of(heard)
    assert "with other limits" in report_of(heard)
    assert "another `--prompt`" in report_of(heard, step("skipped", "choose_moments"))
    assert report_of(run("completed")).endswith("What to do: nothing.")


def test_report_points_at_the_file_notes_of_a_completed_run() -> None:
    """A completed run with notes about its file is not reported as "nothing to do"."""
    lines = list(run_lines(run("completed"), [], VIDEO, noted=True))
    assert lines[-1] == "  What to do: nothing, unless you want to repair the file (see above)."
    assert report_of(run("completed")).endswith("What to do: nothing.")


def test_report_adds_notes_about_the_moments() -> None:
    """The notes stand beside the results."""
    lines = list(run_lines(run("completed"), [], VIDEO, notes=["Chosen without it."]))
    assert lines[3] == "  Chosen without it."
