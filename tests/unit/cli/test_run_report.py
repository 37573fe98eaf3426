"""What `explain` says of a run, in every state it can be in."""

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
    """A run as `results.pipeline_json` has it."""
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
    """A stage run as `stage_facts.stage_json` has it."""
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


def said(pipeline: Json, *steps: Json) -> str:
    """All lines."""
    return "\n".join(run_lines(pipeline, steps, VIDEO))


def failed(code: str | None, **values: Any) -> Json:
    """A failed step."""
    return step("failed", error_code=code, error_message="It went wrong", **values)


def test_a_failure_is_told_with_reason_meaning_remedy_and_command() -> None:
    """Which step, about what, why, what that means, and the command to give."""
    text = said(run("partial"), failed("attempts_exhausted"))
    assert "What failed: cutting a clip (cut_clip), for the moment “On the tides” at 1:02.0" in text
    assert "Why: Every allowed attempt failed" in text
    assert "It went wrong. (code attempts_exhausted)" in text
    assert f"`videomoments retry {VIDEO}`" in text
    assert text.endswith(f"videomoments retry {VIDEO}   (runs only the failed stages again)")


@pytest.mark.parametrize("code", sorted(ERROR_CODES))
def test_every_code_is_explained(code: str) -> None:
    """The remedy is told; a retry is advised only where the remedy says that it can help."""
    text = said(run("failed"), failed(code))
    remedy = ERROR_CODES[code].remedy
    assert remedy.replace("VIDEO`", f"{VIDEO}`") in text
    assert ("Then: videomoments retry" in text) == ("videomoments retry" in remedy)


def test_the_same_failure_many_times_is_told_once() -> None:
    """With how often, and the first of the moments it was about."""
    text = said(run("failed"), *[failed("damaged_media") for _ in range(5)])
    assert text.count("What failed") == 1
    assert "(cut_clip), 5 times" in text
    assert "and 2 more" in text


def test_what_was_left_out_is_told_apart_from_what_was_not_needed() -> None:
    """Not begun because of a failure is one thing, nothing to do is another."""
    text = said(
        run("failed"),
        failed("no_streams", stage="probe_video"),
        step("skipped", "make_thumbnail", error_code="pipeline_failed", error_message="x"),
        step("skipped", "split_audio", error_code="nothing_to_do", error_message="No sound"),
    )
    assert "Not started because of that: making a thumbnail (make_thumbnail)." in text
    assert "Skipped: taking out the sound (split_audio). No sound." in text


def test_a_run_under_way_says_what_is_at_work_and_what_waits() -> None:
    """Workers, lost workers, next attempts with the last error; and to wait."""
    text = said(
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
def test_a_run_that_nobody_works_on_says_so(steps: list[Json]) -> None:
    """After a while of nothing it is told how to go on."""
    text = said(run("running"), *steps)
    assert "no worker has touched this run" in text
    assert "videomoments doctor" in text


@pytest.mark.parametrize("status", sorted(ENDS))
def test_every_end_has_its_sentence(status: RunStatus) -> None:
    """However it ended, that is said first, with the time it took."""
    assert f"{ENDS[status]} It took 1 min 12 s." in said(run(status))


def test_what_was_made_is_counted() -> None:
    """No speech and no transcript are told apart."""
    assert "a transcript of 256 words, 1 moment, no clips" in said(run("completed"))
    silent = run("completed", transcript={"number_of_words": 0})
    assert "no speech was found" in said(silent)
    assert "no transcript" in said(run("failed", transcript=None))


def test_amounts_in_words() -> None:
    """Sizes, times and counts at their turning points."""
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
def test_exhausted_attempts_are_explained_by_the_last_code(
    cause: ErrorCode, error: str, shown: str
) -> None:
    """The recorded code gives reason and remedy; the message has no name of an exception."""
    message = f"Gave up after 5 attempts. The last error: {error}"
    values: Json = {"error_message": message, "metrics": {"last_error_code": str(cause)}}
    text = said(run("failed"), step("failed", error_code="attempts_exhausted", **values))
    assert f"Why: {cause.meaning} " in text
    assert f"What to do: {cause.remedy} Then `videomoments retry {VIDEO}`." in text
    assert shown in text
    assert "Error:" not in text
    assert "Errno" not in text
    waiting = step("queued", waited_seconds=-8.0, error_code=str(cause), error_message=error)
    assert f"{cause.meaning} {cause.remedy}" in said(run("running"), waiting)


@pytest.mark.parametrize("metrics", [{}, {"last_error_code": "transient"}])
def test_exhausted_attempts_without_a_telling_code_are_explained(metrics: Json) -> None:
    """The last release recorded no code of the last attempt; its message is shown."""
    text = said(run("failed"), failed("attempts_exhausted", metrics=metrics))
    assert f"Why: {ERROR_CODES['attempts_exhausted'].meaning} It went wrong." in text


@pytest.mark.parametrize("code", ["OSError", "code_of_tomorrow", None])
def test_a_code_of_another_release_is_explained(code: str | None) -> None:
    """Stage runs that another release recorded name no code of this one."""
    assert "Upgrade" in said(run("failed"), failed(code))
    waiting = step("queued", waited_seconds=-8.0, error_code=code, error_message="no answer")
    assert said(run("running"), waiting).count("no answer.") == 1


def test_a_completed_run_without_moments_says_where_to_look() -> None:
    """Silence may be right, or an engine that hears nothing; of speech, another prompt finds more.

    What listens is no question where hundreds of words were heard.
    """
    silent = {"number_of_words": 0}
    assert "tests the speech engine" in said(run("completed", moments=[], transcript=silent))
    heard = run("completed", moments=[])
    assert "speech engine" not in said(heard)
    assert "with other limits" in said(heard)
    assert "another `--prompt`" in said(heard, step("skipped", "choose_moments"))
    assert said(run("completed")).endswith("What to do: nothing.")


def test_what_is_said_of_the_file_is_not_called_nothing_to_do() -> None:
    """A completed run of a file that something is wrong with points at what was said of it."""
    lines = list(run_lines(run("completed"), [], VIDEO, noted=True))
    assert lines[-1] == "  What to do: nothing, unless you want to repair the file (see above)."
    assert said(run("completed")).endswith("What to do: nothing.")


def test_what_is_to_be_said_of_the_moments_is_said() -> None:
    """Beside what was made."""
    lines = list(run_lines(run("completed"), [], VIDEO, notes=["Chosen without it."]))
    assert lines[3] == "  Chosen without it."
