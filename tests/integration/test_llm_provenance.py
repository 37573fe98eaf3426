"""The complete prompt of any moment, rebuilt from what stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import delete

from shared.db.models import AiRequest, Moment
from shared.errors import Reject
from shared.pipeline.provenance import provenance_of
from tests.llm_runs import llm_runs, talk
from tests.llm_server import good, llm_server, user_text

TALK = talk(120, seed=9)


def test_the_prompt_of_every_moment_is_what_was_sent(database_url: str, tmp_path: Path) -> None:
    """Of roots and refined ones, to the letter, also when the calls are long deleted."""
    with (
        llm_server(good) as server,
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


def test_a_moment_without_a_model_has_no_question(database_url: str, tmp_path: Path) -> None:
    """It says by which method it was found."""
    with llm_runs(database_url, tmp_path, None) as runs:
        assert runs.run(TALK, model="extractive").status == "completed"
        with runs.context.session() as session:
            found = provenance_of(session, runs.moments()[0].identifier)
            assert (found.user, found.candidate) == (None, None)
            assert found.system.startswith("No language model")
            with pytest.raises(Reject, match="no moment 'nothing'"):
                provenance_of(session, "nothing")
