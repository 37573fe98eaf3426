"""Faulty answers of a model: one repair, then a rejection with its reason on record."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.db.models import AiRequest, MomentCandidate, StageRun
from shared.domain.documents import Json
from tests.support.llm.runs import CHOICE_ONLY, llm_runs, talk
from tests.support.llm.server import (
    Reply,
    Script,
    form_of,
    good_answer,
    llm_server,
    moment,
    sentences_of,
    user_text,
)

TALK = talk(60, seed=1)


def script_for(form: str, reply: Callable[[Json], Reply]) -> Script:
    """Give this reply to questions of one form, and sound answers to the others."""
    return lambda request: reply(request) if form_of(request) == form else good_answer(request)


FAULTY = {
    "unknown_id": moment(40, 9_999, "anything at all"),
    "ids_reversed": moment(12, 10, "anything at all"),
    "quote_not_found": moment(10, 12, "words that nobody ever said"),
    "bad_length": moment(0, 55, ""),
    "no_title": {**moment(10, 12, ""), "title": " \u200b\n"},
    "invalid_form": {**moment(10, 12, ""), "start_seconds": 3},
}


@pytest.mark.parametrize("code", FAULTY)
@pytest.mark.parametrize("is_repaired", [True, False], ids=["repaired", "not repaired"])
def test_generate_window_repairs_a_faulty_moment_once(
    database_url: str, tmp_path: Path, code: str, is_repaired: bool
) -> None:
    """A repaired moment is chosen, an unrepaired one is rejected; both candidates are recorded."""

    def script(request: Json) -> Reply:
        lines = {number: text for number, _, text in sentences_of(request)}
        faulty = dict(FAULTY[code])
        if not faulty["quote"]:
            faulty["quote"] = lines[faulty["start_id"]]
        is_repair = len(request["messages"]) > 2
        sound = moment(10, 12, lines[10], "Repaired")
        found = [sound] if is_repair and is_repaired else [faulty]
        return Reply(json.dumps({"moments": found}))

    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url, **CHOICE_ONLY) as runs,
    ):
        run = runs.run(TALK)
        candidates = runs.rows(MomentCandidate)
        assert len(server.requests_for("moments")) == 2
        if is_repaired:
            assert run.status == "completed"
            assert [c.status for c in candidates] == ["rejected", "chosen"]
            assert [m.title for m in runs.moments()] == ["Repaired"]
        else:
            assert run.status == "failed"
            assert [c.rejection_code for c in candidates] == [code, code]
            assert not runs.moments()
        assert candidates[0].rejection_code == code
        assert [c.repaired for c in candidates] == [False, True]
        assert candidates[0].reason


def test_generate_window_keeps_the_sound_moment_when_another_is_faulty(
    database_url: str, tmp_path: Path
) -> None:
    """The repair asks for the faulty moment only."""

    def script(request: Json) -> Reply:
        lines = {number: text for number, _, text in sentences_of(request)}
        sound, faulty = moment(2, 4, lines[2], "Sound"), moment(20, 22, "never said by anybody")
        is_repair = len(request["messages"]) > 2
        return Reply(json.dumps({"moments": [faulty] if is_repair else [sound, faulty]}))

    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url, **CHOICE_ONLY) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert [m.title for m in runs.moments()] == ["Sound"]
        assert "Sentences 20 to 22" in server.requests[1]["messages"][-1]["content"]
        assert "Sentences 2 to 4" not in server.requests[1]["messages"][-1]["content"]


def test_run_ranks_by_sub_scores_when_the_model_cannot_rank(
    database_url: str, tmp_path: Path
) -> None:
    """After two unusable orders the moments' own sub-scores decide."""
    with (
        llm_server(script_for("ranking", lambda request: Reply('{"order": [99]}'))) as server,
        llm_runs(database_url, tmp_path, server.url, **CHOICE_ONLY) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert len(server.requests_for("ranking")) == 2
        chosen = [c.proposal for c in runs.rows(MomentCandidate) if c.status == "chosen"]
        assert sorted(proposal["start_id"] for proposal in chosen) == [16, 24, 32, 40, 48]


def test_run_keeps_earlier_scores_when_scoring_is_unreadable(
    database_url: str, tmp_path: Path
) -> None:
    """The run is partial, and every moment still has a score."""
    with (
        llm_server(script_for("scoring", lambda request: Reply('{"moments": []}'))) as server,
        llm_runs(database_url, tmp_path, server.url, llm_refine=False) as runs,
    ):
        run = runs.run(TALK)
        assert (run.status, run.error_stage) == ("partial", "score_moments")
        found = runs.moments()
        assert found
        assert all(moment.score is not None for moment in found)


def test_refinement_rejects_a_different_moment(database_url: str, tmp_path: Path) -> None:
    """A refinement that ends elsewhere is rejected after one repair; the moment stays as it is."""

    def elsewhere(request: Json) -> Reply:
        lines = sentences_of(request)
        first = lines[0] if "sentences 0 to" not in user_text(request) else lines[-2]
        answer = moment(first[0], first[0], first[2])
        del answer["scores"]
        return Reply(json.dumps(answer))

    with (
        llm_server(script_for("moment", elsewhere)) as server,
        llm_runs(database_url, tmp_path, server.url, max_moments=1, llm_score=False) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        assert not runs.moments(refined=True)
        assert len(runs.moments()) == 1
        refused = [c for c in runs.rows(MomentCandidate) if c.operation == "refine"]
        assert [c.rejection_code for c in refused] == ["another_moment", "another_moment"]
        (look,) = [run for run in runs.rows(StageRun) if run.stage == "refine_moments"]
        assert (look.status, look.error_code) == ("skipped", "nothing_to_do")


def test_refinement_keeps_the_moment_when_the_repair_is_refused(
    database_url: str, tmp_path: Path
) -> None:
    """The faulty refinement is recorded, the moment stays, and the run completes."""

    def refuses_twice(request: Json) -> Reply:
        if len(request["messages"]) > 2:
            return Reply(None, refusal="Not again.")
        answer = moment(0, 0, "words that nobody ever said")
        del answer["scores"]
        return Reply(json.dumps(answer))

    with (
        llm_server(script_for("moment", refuses_twice)) as server,
        llm_runs(database_url, tmp_path, server.url, max_moments=1, llm_score=False) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        looks = [c for c in runs.rows(MomentCandidate) if c.operation == "refine"]
        assert [(c.status, c.repaired) for c in looks] == [("rejected", False)]
        assert looks[0].reason
        assert not runs.moments(refined=True)


def test_generate_window_records_how_each_answer_was_read(
    database_url: str, tmp_path: Path
) -> None:
    """The record of an unreadable repair says why it could not be read."""

    def script(request: Json) -> Reply:
        if form_of(request) != "moments":
            return good_answer(request)
        if len(request["messages"]) > 2:
            return Reply("No JSON at all.")
        answer = json.loads(good_answer(request).content or "")
        answer["moments"][0]["quote"] = "words that nobody ever said"
        return Reply(json.dumps(answer))

    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url, **CHOICE_ONLY) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        calls = [call for call in runs.rows(AiRequest) if call.operation == "generate"]
        assert len(calls) == 2
        assert calls[0].parse_result
        assert calls[0].parse_result["faults"]
        assert calls[1].parse_result == {"unreadable": "It has no JSON object."}
