"""Answers that are out of form, or name what is not there: one repair, then a reason on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.db.models import AiRequest, MomentCandidate, StageRun
from shared.domain.documents import Json
from tests.support.llm.runs import ALONE, llm_runs, talk
from tests.support.llm.server import (
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


def only(form: str, reply: Callable[[Json], Reply]) -> Script:
    """That reply to questions of one form, sound answers to the others."""
    return lambda request: reply(request) if form_of(request) == form else good(request)


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


def test_without_an_order_the_marks_decide(database_url: str, tmp_path: Path) -> None:
    """A model that cannot rank loses no run: two tries, then the order of its own sub-scores."""
    with (
        llm_server(only("ranking", lambda request: Reply('{"order": [99]}'))) as server,
        llm_runs(database_url, tmp_path, server.url, **ALONE) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert len(server.of("ranking")) == 2
        chosen = [c.proposal for c in runs.rows(MomentCandidate) if c.status == "chosen"]
        assert sorted(proposal["start_id"] for proposal in chosen) == [16, 24, 32, 40, 48]


def test_without_scores_those_of_the_choice_stay(database_url: str, tmp_path: Path) -> None:
    """Scoring that cannot be read makes the run partial, and leaves the scores there were."""
    with (
        llm_server(only("scoring", lambda request: Reply('{"moments": []}'))) as server,
        llm_runs(database_url, tmp_path, server.url, llm_refine=False) as runs,
    ):
        pipeline = runs.run(TALK)
        assert (pipeline.status, pipeline.error_stage) == ("partial", "score_moments")
        found = runs.moments()
        assert found
        assert all(moment.score is not None for moment in found)


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


def test_a_refused_mending_takes_nothing_back(database_url: str, tmp_path: Path) -> None:
    """The look that was of no use stays on record; the moment is as it was, the run completed."""

    def refuses_twice(request: Json) -> Reply:
        if len(request["messages"]) > 2:
            return Reply(None, refusal="Not again.")
        answer = moment(0, 0, "words that nobody ever said")
        del answer["scores"]
        return Reply(json.dumps(answer))

    with (
        llm_server(only("moment", refuses_twice)) as server,
        llm_runs(database_url, tmp_path, server.url, max_moments=1, llm_score=False) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        looks = [c for c in runs.rows(MomentCandidate) if c.operation == "refine"]
        assert [(c.status, c.repaired) for c in looks] == [("rejected", False)]
        assert looks[0].reason
        assert not runs.moments(refined=True)


def test_every_answer_has_its_reading_on_record(database_url: str, tmp_path: Path) -> None:
    """Of an unreadable repair, too, it is written what could not be read."""

    def script(request: Json) -> Reply:
        if form_of(request) != "moments":
            return good(request)
        if len(request["messages"]) > 2:
            return Reply("No JSON at all.")
        answer = json.loads(good(request).content or "")
        answer["moments"][0]["quote"] = "words that nobody ever said"
        return Reply(json.dumps(answer))

    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url, **ALONE) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        calls = [call for call in runs.rows(AiRequest) if call.operation == "generate"]
        assert len(calls) == 2
        assert calls[0].parse_result
        assert calls[0].parse_result["faults"]
        assert calls[1].parse_result == {"unreadable": "It has no JSON object."}
