"""The complete prompt of any moment, rebuilt from rows that are kept."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from sqlalchemy import delete

from shared.db.models import AiRequest, Moment, StageRun
from shared.domain.documents import Json
from shared.errors import Reject
from shared.moments.provenance import provenance_of
from tests.support.llm.runs import llm_runs, talk
from tests.support.llm.server import Reply, form_of, good_answer, llm_server, user_text

TALK = talk(120, seed=9)


def test_provenance_gives_the_prompt_that_was_sent_for_every_moment(
    database_url: str, tmp_path: Path
) -> None:
    """Roots and refined moments show their exact prompts, even after the calls are deleted."""
    with (
        llm_server(good_answer) as server,
        llm_runs(
            database_url, tmp_path, server.url, llm_window_tokens=900, llm_overlap_tokens=100
        ) as runs,
    ):
        assert runs.run(TALK, prompt="What is said about the sea?", kind="lesson").status == (
            "completed"
        )
        sent = {
            (request["messages"][0]["content"], user_text(request)) for request in server.requests
        }
        with runs.context.session() as session, session.begin():
            session.execute(delete(AiRequest))
        moments = runs.rows(Moment)
        assert {bool(m.is_refined) for m in moments} == {True, False}
        with runs.context.session() as session:
            for moment in moments:
                found = provenance_of(session, moment.identifier)
                assert found.user is not None
                assert (found.system, found.user) in sent
                assert "What is said about the sea?" in found.user
                assert "Prompt set lesson" in found.system
                assert (found.parent is not None) == bool(moment.is_refined)


def test_provenance_gives_the_whole_conversation_of_a_repaired_moment(
    database_url: str, tmp_path: Path
) -> None:
    """The faulty answer and the repair request are shown, even after the calls are deleted."""

    def script(request: Json) -> Reply:
        if form_of(request) not in ("moments", "moment") or len(request["messages"]) > 2:
            return good_answer(request)
        answer = json.loads(good_answer(request).content or "")
        for found in answer.get("moments", [answer]):
            found["quote"] = "words that nobody ever said"
        return Reply(json.dumps(answer))

    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        sent = [[(m["role"], m["content"]) for m in r["messages"]] for r in server.requests]
        with runs.context.session() as session, session.begin():
            session.execute(delete(AiRequest))
        moments = runs.rows(Moment)
        assert {bool(m.is_refined) for m in moments} == {True, False}
        with runs.context.session() as session:
            for moment in moments:
                found = provenance_of(session, moment.identifier)
                whole = [("system", found.system), ("user", found.user)]
                whole += [(turn.role, turn.text) for turn in found.turns]
                assert len(whole) == 4
                assert whole in sent


def test_run_keeps_its_prompt_when_the_prompt_set_is_edited(
    database_url: str, tmp_path: Path
) -> None:
    """All windows get the prompt with which the run began, and provenance shows that one."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    own = folder / "talk.toml"
    sets = files("shared.moments.prompts").joinpath("prompt_sets")
    built_in = sets.joinpath("talk.toml").read_text(encoding="utf-8")
    own.write_text(built_in.replace("version = 1", "version = 7"), encoding="utf-8")

    def script(request: Json) -> Reply:
        edited = built_in.replace("version = 1", "version = 8")
        own.write_text(edited.replace("experienced editor", "careless editor"), encoding="utf-8")
        return good_answer(request)

    with (
        llm_server(script) as server,
        llm_runs(
            database_url,
            tmp_path / "data",
            server.url,
            prompt_folder=folder,
            llm_window_tokens=400,
            llm_overlap_tokens=50,
            llm_concurrency=1,
            llm_refine=False,
            llm_score=False,
        ) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        reading = [run for run in runs.rows(StageRun) if run.stage == "generate_window"]
        assert len(reading) > 2
        systems = {request["messages"][0]["content"] for request in server.requests_for("moments")}
        assert len(systems) == 1
        assert "version 7.1" in next(iter(systems))
        with runs.context.session() as session:
            shown = {provenance_of(session, m.identifier).system for m in runs.moments()}
        assert shown == systems
        before = len(server.requests)
        assert runs.run(TALK).status == "completed"
        assert "version 8.1" in server.requests[before]["messages"][0]["content"]


def test_provenance_names_the_method_when_no_model_was_used(
    database_url: str, tmp_path: Path
) -> None:
    """An extractive moment has no prompt and no candidate."""
    with llm_runs(database_url, tmp_path, None) as runs:
        assert runs.run(TALK, model="extractive").status == "completed"
        with runs.context.session() as session:
            found = provenance_of(session, runs.moments()[0].identifier)
            assert (found.user, found.candidate) == (None, None)
            assert found.system.startswith("No language model")
            with pytest.raises(Reject, match="no moment 'nothing'"):
                provenance_of(session, "nothing")
