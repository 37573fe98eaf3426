"""A model that is slow, broken, refuses or errs, behind real HTTP: how the run ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.db.models import AiRequest, MomentCandidate, StageRun
from shared.domain.documents import Json
from tests.support.llm.runs import CHOICE_ONLY, llm_runs, talk
from tests.support.llm.server import (
    Reply,
    first_reply,
    form_of,
    good_answer,
    llm_server,
    sentences_of,
    user_text,
)

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
def test_generate_window_retries_transient_failures(
    database_url: str, tmp_path: Path, passing: Reply
) -> None:
    """Rate limits, server errors, time-outs and broken answers cost one attempt, not the run."""
    with (
        llm_server(first_reply(passing)) as server,
        llm_runs(
            database_url, tmp_path, server.url, llm_timeout_seconds=1.0, **CHOICE_ONLY
        ) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        (read,) = [run for run in runs.rows(StageRun) if run.stage == "generate_window"]
        assert (read.attempt, read.error_code) == (2, None)
        failed, *others = runs.rows(AiRequest)
        assert failed.outcome == "failed"
        # A slow server may have done the work, so the call counts.
        assert (failed.input_tokens > 0) == bool(passing.delay_seconds)
        assert {call.outcome for call in others} == {"answered"}


def test_run_fails_when_the_server_stays_broken(database_url: str, tmp_path: Path) -> None:
    """After the last attempt the run names the failed stage and the cause."""
    with (
        llm_server(lambda request: Reply(status=500)) as server,
        llm_runs(database_url, tmp_path, server.url, max_attempts=2) as runs,
    ):
        run = runs.run(TALK)
        assert (run.status, run.error_stage) == ("failed", "generate_window")
        assert "gave no answer" in (run.error_message or "")
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
def test_generate_window_fails_at_once_when_the_failure_is_permanent(
    database_url: str, tmp_path: Path, reply: Reply, code: str
) -> None:
    """The stage run has one attempt, one call and the error's code."""
    with (
        llm_server(lambda request: reply) as server,
        llm_runs(database_url, tmp_path, server.url) as runs,
    ):
        assert runs.run(TALK).status == "failed"
        (read,) = [run for run in runs.rows(StageRun) if run.stage == "generate_window"]
        assert (read.error_code, read.attempt) == (code, 1)
        assert len(server.requests) == 1


def test_run_loses_only_the_window_that_the_model_refuses(
    database_url: str, tmp_path: Path
) -> None:
    """The other windows give moments, and the refusal is recorded."""

    def script(request: Json) -> Reply:
        refused = form_of(request) == "moments" and sentences_of(request)[0][0] == 0
        return Reply(None, refusal="No.") if refused else good_answer(request)

    with (
        llm_server(script) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_window_tokens=700,
            llm_overlap_tokens=50,
            **CHOICE_ONLY,
        ) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert runs.moments()
        rejected = [c for c in runs.rows(MomentCandidate) if c.status == "rejected"]
        assert [c.rejection_code for c in rejected] == ["model_refused"]


def test_generate_window_asks_again_when_an_answer_is_cut_off(
    database_url: str, tmp_path: Path
) -> None:
    """The single repair tells the model that its answer was cut off."""
    with (
        llm_server(
            first_reply(Reply('{"moments": [{"start_id": 1', finish_reason="length"))
        ) as server,
        llm_runs(database_url, tmp_path, server.url, **CHOICE_ONLY) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert "cut off" in server.requests[1]["messages"][-1]["content"]
        assert runs.moments()


def test_run_fails_when_the_repair_is_unreadable_too(database_url: str, tmp_path: Path) -> None:
    """The model is called twice, both answers are recorded, and no moment is made."""
    with (
        llm_server(lambda request: Reply("Sure! Here are your moments:")) as server,
        llm_runs(database_url, tmp_path, server.url) as runs,
    ):
        run = runs.run(TALK)
        assert (run.status, run.error_stage) == ("failed", "choose_moments")
        assert "invalid_answer (1)" in (run.error_message or "")
        assert len(server.requests) == 2
        assert [bool(call.parse_result) for call in runs.rows(AiRequest)] == [True, True]
        assert not runs.moments()


def test_retry_asks_only_for_the_windows_that_failed(database_url: str, tmp_path: Path) -> None:
    """When one of several windows fails, the next attempt repeats only that call."""
    asked: set[str] = set()

    def script(request: Json) -> Reply:
        key = user_text(request)
        is_first = key not in asked
        asked.add(key)
        is_last_window = form_of(request) == "moments" and sentences_of(request)[-1][0] == 59
        return Reply(status=503) if is_first and is_last_window else good_answer(request)

    with (
        llm_server(script) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_window_tokens=700,
            llm_overlap_tokens=50,
            **CHOICE_ONLY,
        ) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        windows = len(asked) - 1
        assert windows >= 2
        assert len(server.requests_for("moments")) == windows + 1
