"""A model that is slow, broken, refuses or errs, behind real HTTP: what becomes of the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.db.models import AiRequest, MomentCandidate, StageRun
from shared.domain.documents import Json
from tests.support.llm.runs import ALONE, llm_runs, talk
from tests.support.llm.server import Reply, form_of, good, lines_of, llm_server, once, user_text

TALK = talk(60, seed=1)


@pytest.mark.parametrize(
    "passing",
    [
        Reply(status=429),
        Reply(status=500),
        Reply(status=503),
        Reply(body=b"<html>bad gateway</html>"),
        Reply(body=b"{}"),
        Reply("{}", delay_seconds=2.0),
    ],
    ids=["429", "500", "503", "no JSON", "empty object", "slow"],
)
def test_what_passes_is_tried_again(database_url: str, tmp_path: Path, passing: Reply) -> None:
    """Rate limits, server errors, time-outs and no answers cost one attempt, not the run."""
    with (
        llm_server(once(passing)) as server,
        llm_runs(database_url, tmp_path, server.url, llm_timeout_seconds=1.0, **ALONE) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        (read,) = [run for run in runs.rows(StageRun) if run.stage == "generate_window"]
        assert (read.attempt, read.error_code) == (2, None)
        failed, *others = runs.rows(AiRequest)
        assert failed.outcome == "failed"
        # A server that was only slow may have worked, and will be paid for it.
        assert (failed.input_tokens > 0) == bool(passing.delay_seconds)
        assert {call.outcome for call in others} == {"answered"}


def test_a_server_that_stays_broken_fails_the_run(database_url: str, tmp_path: Path) -> None:
    """After the last attempt the run says which stage failed, and of what."""
    with (
        llm_server(lambda request: Reply(status=500)) as server,
        llm_runs(database_url, tmp_path, server.url, max_attempts=2) as runs,
    ):
        pipeline = runs.run(TALK)
        assert (pipeline.status, pipeline.error_stage) == ("failed", "generate_window")
        assert "gave no answer" in (pipeline.error_message or "")
        assert len(server.requests) == 2
        assert not runs.moments()


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply(status=401), "model_unauthorized"),
        (Reply(status=404), "model_not_found"),
        (Reply(status=400), "model_request_rejected"),
        (Reply(None, refusal="I cannot help with that."), "model_refused"),
        (Reply("", finish_reason="content_filter"), "model_refused"),
    ],
    ids=["401", "404", "400", "refusal", "content filter"],
)
def test_what_never_passes_is_named_and_not_tried_again(
    database_url: str, tmp_path: Path, reply: Reply, code: str
) -> None:
    """One call, one attempt, and a code that says it."""
    with (
        llm_server(lambda request: reply) as server,
        llm_runs(database_url, tmp_path, server.url) as runs,
    ):
        assert runs.run(TALK).status == "failed"
        (read,) = [run for run in runs.rows(StageRun) if run.stage == "generate_window"]
        assert (read.error_code, read.attempt) == (code, 1)
        assert len(server.requests) == 1


def test_one_refused_window_costs_its_own_moments(database_url: str, tmp_path: Path) -> None:
    """The rest of the recording has its moments; the refusal is on record."""

    def script(request: Json) -> Reply:
        refused = form_of(request) == "moments" and lines_of(request)[0][0] == 0
        return Reply(None, refusal="No.") if refused else good(request)

    with (
        llm_server(script) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_window_tokens=700,
            llm_overlap_tokens=50,
            **ALONE,
        ) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert runs.moments()
        rejected = [c for c in runs.rows(MomentCandidate) if c.status == "rejected"]
        assert [c.rejection_code for c in rejected] == ["model_refused"]


def test_an_answer_cut_off_is_asked_for_again_shorter(database_url: str, tmp_path: Path) -> None:
    """One repair, which says that it was cut off."""
    with (
        llm_server(once(Reply('{"moments": [{"start_id": 1', finish_reason="length"))) as server,
        llm_runs(database_url, tmp_path, server.url, **ALONE) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert "cut off" in server.requests[1]["messages"][-1]["content"]
        assert runs.moments()


def test_garbage_twice_is_no_third_time(database_url: str, tmp_path: Path) -> None:
    """The run fails by name, the answers are on record, and no moment is made of them."""
    with (
        llm_server(lambda request: Reply("Sure! Here are your moments:")) as server,
        llm_runs(database_url, tmp_path, server.url) as runs,
    ):
        pipeline = runs.run(TALK)
        assert (pipeline.status, pipeline.error_stage) == ("failed", "choose_moments")
        assert "invalid_answer (1)" in (pipeline.error_message or "")
        assert len(server.requests) == 2
        assert [bool(call.parse_result) for call in runs.rows(AiRequest)] == [True, True]
        assert not runs.moments()


def test_what_was_answered_is_not_paid_for_twice(database_url: str, tmp_path: Path) -> None:
    """Of several windows one fails at first: at the next attempt only that one is asked."""
    asked: set[str] = set()

    def script(request: Json) -> Reply:
        key = user_text(request)
        is_first = key not in asked
        asked.add(key)
        is_last_window = form_of(request) == "moments" and lines_of(request)[-1][0] == 59
        return Reply(status=503) if is_first and is_last_window else good(request)

    with (
        llm_server(script) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_window_tokens=700,
            llm_overlap_tokens=50,
            **ALONE,
        ) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        windows = len(asked) - 1
        assert windows >= 2
        assert len(server.of("moments")) == windows + 1
