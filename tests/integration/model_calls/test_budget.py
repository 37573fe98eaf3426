"""Budgets, how long calls are kept, and scoring again with another model."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from functions.upkeep.sweep import sweep_all
from shared.db.models import (
    AiRequest,
    GenerationConfig,
    ModelConfig,
    Moment,
    PipelineHistory,
    Run,
    StageRun,
)
from shared.domain.documents import Json
from shared.errors import Reject
from shared.model_calls.budget import Budget, reserve
from tests.support.databases.rows import add_config, add_whole_video, new_ai_request
from tests.support.llm.runs import llm_runs, talk
from tests.support.llm.server import (
    Reply,
    form_of,
    good_answer,
    llm_server,
    moment_numbers,
    sub_scores,
)
from tests.support.pipelines.pipelines import in_threads

TALK = talk(60, seed=1)
PRICES = {"llm_input_price": 10.0, "llm_output_price": 20.0}


@pytest.mark.parametrize(
    ("budget", "code"),
    [
        ({"llm_budget_tokens": 3000}, "budget_exceeded"),
        ({"llm_budget_cost": 0.05, **PRICES}, "budget_exceeded"),
        ({"llm_budget_cost": 0.05}, "prices_unknown"),
    ],
    ids=["tokens", "money", "no prices"],
)
def test_run_is_refused_before_any_call_when_the_budget_is_too_small(
    database_url: str, tmp_path: Path, budget: dict[str, Any], code: str
) -> None:
    """The estimate of the whole transcript exceeds the budget, so the run fails without a call."""
    with (
        llm_server(good_answer) as server,
        llm_runs(database_url, tmp_path, server.url, **budget) as runs,
    ):
        run = runs.run(TALK)
        assert (run.status, run.error_stage) == ("failed", "generate_moments")
        (stage_run,) = [r for r in runs.rows(StageRun) if r.stage == "generate_moments"]
        assert stage_run.error_code == code
        assert not server.requests


def test_run_stops_at_the_budget_and_keeps_its_moments(database_url: str, tmp_path: Path) -> None:
    """The windows fit, refinement or scoring does not: it is refused, and the run is partial."""
    with (
        llm_server(good_answer) as server,
        llm_runs(database_url, tmp_path, server.url, llm_budget_tokens=9000) as runs,
    ):
        run = runs.run(TALK)
        assert run.status == "partial"
        assert runs.moments()
        refused = {r.stage for r in runs.rows(StageRun) if r.error_code == "budget_exceeded"}
        assert refused <= {"refine_moments", "score_moments"}
        assert refused
        calls = runs.rows(AiRequest)
        assert sum(call.input_tokens + call.output_tokens for call in calls) <= 9000


def test_run_keeps_sound_moments_when_no_budget_is_left_for_a_repair(
    database_url: str, tmp_path: Path
) -> None:
    """Without a repair or a ranking, the sound moments are chosen by their own sub-scores."""

    def script(request: Json) -> Reply:
        answer = json.loads(good_answer(request).content or "{}")
        if form_of(request) == "moments":
            answer["moments"].append({"start_id": "none"})
        return Reply(json.dumps(answer))

    with (
        llm_server(script) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_refine=False,
            llm_score=False,
            llm_answer_tokens=3000,
            llm_budget_tokens=5500,
        ) as runs,
    ):
        run = runs.run(TALK)
        assert (run.status, run.error_message) == ("completed", None)
        assert len(server.requests) == 1
        assert len(runs.moments()) > 1


def test_reserve_counts_the_calls_under_way(database_url: str, tmp_path: Path) -> None:
    """Ten concurrent workers cannot together exceed the budget."""
    with llm_runs(database_url, tmp_path, "http://127.0.0.1:9/v1") as runs:
        with runs.context.session() as session:
            run_id = _add_run(session)

        def attempt() -> bool:
            with (
                suppress(Reject),
                runs.context.session() as session,
                session.begin(),
            ):
                reserve(session, new_ai_request(run_id), Budget(tokens=40))
                return True
            return False

        assert sum(in_threads(*[attempt] * 10)) == 2  # each takes 15 of 40


def _add_run(session: Session) -> int:
    video = add_whole_video(session, add_config(session))
    session.execute(delete(AiRequest))
    session.commit()
    return session.execute(
        select(Run.id).join(PipelineHistory).where(PipelineHistory.video_id == video.id)
    ).scalar_one()


def test_sweep_deletes_calls_after_the_days_to_keep_them(database_url: str, tmp_path: Path) -> None:
    """The sweep deletes old calls, keeps younger ones, and keeps every moment."""
    with (
        llm_server(good_answer) as server,
        llm_runs(database_url, tmp_path, server.url, llm_keep_days=30) as runs,
    ):
        assert runs.run(TALK).status == "completed"
        calls, moments = len(runs.rows(AiRequest)), len(runs.rows(Moment))
        assert calls
        runs.context.clock.offset += timedelta(days=29)
        assert sweep_all(runs.context).chores["purged"] == 0
        runs.context.clock.offset += timedelta(days=2)
        assert sweep_all(runs.context).chores["purged"] == calls
        assert not runs.rows(AiRequest)
        assert len(runs.rows(Moment)) == moments


def test_scores_only_run_changes_only_the_scores(database_url: str, tmp_path: Path) -> None:
    """Another model rescores every moment; refined ones take their parents' scores."""

    def script(request: Json) -> Reply:
        if form_of(request) != "scoring" or request["model"] != "judge-7b":
            return good_answer(request)
        keys = moment_numbers(request)
        listed = [{"id": key, "scores": sub_scores(10 if key == keys[-1] else 0)} for key in keys]
        return Reply(json.dumps({"moments": listed, "order": keys[::-1]}))

    with llm_server(script) as server, llm_runs(database_url, tmp_path, server.url) as runs:
        with runs.context.session() as session, session.begin():
            session.add(ModelConfig(name="judge", model="judge-7b"))
        assert runs.run(TALK).status == "completed"
        before = runs.rows(Moment)
        video = runs.rows(StageRun)[0].message["video"]
        again = runs.begin(None, video=video, pipeline_type="scores_only", model="judge")
        assert runs.wait(again).status == "completed"
        after = runs.rows(Moment)
        assert {m.scoring_model for m in before} == {"scripted"}
        assert {m.scoring_model for m in after} == {"judge"}
        assert {m.generation_model for m in after} == {"scripted"}
        spans = [
            [(m.identifier, m.start_time, m.end_time, m.title) for m in x] for x in (before, after)
        ]
        assert spans[0] == spans[1]
        roots = runs.moments()
        assert (roots[-1].score, {m.score for m in roots[:-1]} <= {0, 1, 2, 3}) == (10, True)
        of_parent: dict[int | None, int | None] = {m.id: m.score for m in roots}
        assert all(m.score == of_parent[m.parent_id] for m in runs.moments(refined=True))
        assert all(
            b.scored_at and a.scored_at and a.scored_at > b.scored_at
            for b, a in zip(before, after, strict=True)
        )
        assert {c.operation_type for c in runs.rows(GenerationConfig)} == {"generation", "scoring"}


def test_model_row_sets_the_name_key_parameters_and_prices(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row decides all of them, and the deployment's key goes to no other endpoint."""
    monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY_MINE", "key-of-mine")
    with (
        llm_server(good_answer) as server,
        llm_server(good_answer) as other,
        llm_runs(database_url, tmp_path, other.url, llm_refine=False) as runs,
    ):
        with runs.context.session() as session, session.begin():
            row = {"url": server.url, "temperature": 0.7, "top_k": 40, "input_price": 3.0}
            keyed = ModelConfig(name="keyed", model="m-1", api_key_name="mine", **row)
            session.add_all([keyed, ModelConfig(name="keyless", model="m-2", **row)])
        assert runs.run(TALK, model="keyed").status == "completed"
        assert {h["authorization"] for h in server.headers} == {"Bearer key-of-mine"}
        assert {r["model"] for r in server.requests} == {"m-1"}
        assert {(r["temperature"], r["top_k"]) for r in server.requests} == {(0.7, 40)}
        server.headers.clear()
        assert runs.run(TALK, model="keyless").status == "completed"
        assert not [h for h in server.headers if "secret-key-1" in h["authorization"]]
        assert not other.requests
        configs = {c.model: c for c in runs.rows(GenerationConfig)}
        assert (configs["keyed"].temperature, configs["keyed"].top_k) == (0.7, 40)
        assert {m.generation_model for m in runs.moments()} == {"keyed", "keyless"}


def test_begin_rejects_an_unknown_model(database_url: str, tmp_path: Path) -> None:
    """A model without a row and without an address is refused."""
    with (
        llm_runs(database_url, tmp_path, None) as runs,
        pytest.raises(Reject, match="VIDEOMOMENTS_LLM_URL") as caught,
    ):
        runs.begin(TALK, model="nobody")
    assert caught.value.code == "unknown_model"
