"""A model that is slow, broken, refuses or errs, behind real HTTP: what becomes of the run."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.db.models import AiRequest, MomentCandidate, StageRun
from tests.llm_runs import llm_runs, talk
from tests.llm_server import (
    Json,
    Reply,
    Script,
    form_of,
    good,
    lines_of,
    llm_server,
    moment,
    user_text,
)

TALK = talk(60, seed=1)
ALONE = {"llm_refine": False, "llm_score": False}


def once(bad: Reply, then: Script = good) -> Script:
    """The bad reply at the first call, then the script."""
    calls = iter([bad])
    lock = threading.Lock()

    def script(request: Json) -> Reply:
        with lock:
            reply = next(calls, None)
        return reply if reply is not None else then(request)

    return script


def only(form: str, reply: Callable[[Json], Reply]) -> Script:
    """That reply to questions of one form, sound answers to the others."""
    return lambda request: reply(request) if form_of(request) == form else good(request)


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
        assert (failed.outcome, failed.input_tokens) == ("failed", 0)
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


FAULTY = {
    "unknown_id": moment(40, 9_999, "anything at all"),
    "ids_reversed": moment(12, 10, "anything at all"),
    "quote_not_found": moment(10, 12, "words that nobody ever said"),
    "bad_length": moment(0, 55, ""),
    "no_title": {**moment(10, 12, ""), "title": " \u200b\n"},
    "invalid_form": {**moment(10, 12, ""), "start_seconds": 3},
}


@pytest.mark.parametrize("code", FAULTY)
@pytest.mark.parametrize("is_mended", [True, False], ids=["mended", "not mended"])
def test_a_faulty_moment_gets_one_repair(
    database_url: str, tmp_path: Path, code: str, is_mended: bool
) -> None:
    """It is told what was wrong; mended it is chosen, otherwise rejected: both on record."""

    def script(request: Json) -> Reply:
        lines = {number: text for number, _, text in lines_of(request)}
        faulty = dict(FAULTY[code])
        if not faulty["quote"]:
            faulty["quote"] = lines[faulty["start_id"]]
        is_repair = len(request["messages"]) > 2
        sound = moment(10, 12, lines[10], "Mended")
        found = [sound] if is_repair and is_mended else [faulty]
        return Reply(json.dumps({"moments": found}))

    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url, **ALONE) as runs,
    ):
        pipeline = runs.run(TALK)
        candidates = runs.rows(MomentCandidate)
        assert len(server.of("moments")) == 2
        if is_mended:
            assert pipeline.status == "completed"
            assert [c.status for c in candidates] == ["rejected", "chosen"]
            assert [m.title for m in runs.moments()] == ["Mended"]
        else:
            assert pipeline.status == "failed"
            assert [c.rejection_code for c in candidates] == [code, code]
            assert not runs.moments()
        assert candidates[0].rejection_code == code
        assert [c.repaired for c in candidates] == [False, True]
        assert candidates[0].reason


def test_a_sound_moment_is_not_lost_for_a_faulty_one(database_url: str, tmp_path: Path) -> None:
    """One of two is rejected, and only that one is asked for again."""

    def script(request: Json) -> Reply:
        lines = {number: text for number, _, text in lines_of(request)}
        sound, faulty = moment(2, 4, lines[2], "Sound"), moment(20, 22, "never said by anybody")
        is_repair = len(request["messages"]) > 2
        return Reply(json.dumps({"moments": [faulty] if is_repair else [sound, faulty]}))

    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url, **ALONE) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert [m.title for m in runs.moments()] == ["Sound"]
        assert "Sentences 20 to 22" in server.requests[1]["messages"][-1]["content"]
        assert "Sentences 2 to 4" not in server.requests[1]["messages"][-1]["content"]


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


def test_without_an_order_the_marks_decide(database_url: str, tmp_path: Path) -> None:
    """A model that cannot rank loses no run: two tries, then the order of its own sub-scores."""
    with (
        llm_server(only("ranking", lambda request: Reply('{"order": [99]}'))) as server,
        llm_runs(database_url, tmp_path, server.url, **ALONE) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert len(server.of("ranking")) == 2
        assert runs.moments()


def test_without_scores_those_of_the_choice_stay(database_url: str, tmp_path: Path) -> None:
    """Scoring that cannot be read makes the run partial, and leaves the scores there were."""
    with (
        llm_server(only("scoring", lambda request: Reply('{"moments": []}'))) as server,
        llm_runs(database_url, tmp_path, server.url, llm_refine=False) as runs,
    ):
        pipeline = runs.run(TALK)
        assert (pipeline.status, pipeline.error_stage) == ("partial", "score_moments")
        assert all(m.score is not None for m in runs.moments())


def test_another_moment_is_no_refinement(database_url: str, tmp_path: Path) -> None:
    """A second look that ends elsewhere is rejected after one repair; the moment stays as it is."""

    def elsewhere(request: Json) -> Reply:
        lines = lines_of(request)
        first = lines[0] if "sentences 0 to" not in user_text(request) else lines[-2]
        answer = moment(first[0], first[0], first[2])
        del answer["scores"]
        return Reply(json.dumps(answer))

    with (
        llm_server(only("moment", elsewhere)) as server,
        llm_runs(database_url, tmp_path, server.url, max_moments=1, llm_score=False) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert not runs.moments(refined=True)
        assert len(runs.moments()) == 1
        refused = [c for c in runs.rows(MomentCandidate) if c.operation == "refine"]
        assert [c.rejection_code for c in refused] == ["another_moment", "another_moment"]
        (look,) = [run for run in runs.rows(StageRun) if run.stage == "refine_moments"]
        assert (look.status, look.error_code) == ("skipped", "nothing_to_do")
