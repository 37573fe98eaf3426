"""A whole run with a language model: real PostgreSQL, real topics, a real HTTP server."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from shared.db.models import AiRequest, GenerationConfig, MomentCandidate, Prompt
from shared.domain.documents import Json
from shared.domain.transcript import TimedTranscript
from shared.moments.rules.script import Script
from tests.support.llm.runs import LlmRuns, llm_runs, talk
from tests.support.llm.server import Reply, form_of, good_answer, llm_server, moment_numbers

LONG = talk(240, seed=3)


def check_moments(runs: LlmRuns, transcript: TimedTranscript, *, refined: bool = False) -> None:
    """Assert that every moment keeps the bounds and cuts no word, and that roots do not overlap."""
    script = Script.of(transcript, transcript.words[-1].end_seconds + 1)
    moments = runs.moments(refined=refined)
    for moment in moments:
        length = moment.end_time - moment.start_time
        low = runs.settings.min_moment_length_seconds
        assert low - 1e-6 <= length <= runs.settings.max_moment_length_seconds + 1e-6
        assert 0 <= moment.start_time < moment.end_time <= script.duration_seconds
        for word in script.words:
            for cut in (moment.start_time, moment.end_time):
                assert not word.start_seconds + 1e-6 < cut < word.end_seconds - 1e-6
    if not refined:
        assert len(moments) <= runs.settings.max_moments
        for one, next_one in pairwise(moments):
            assert one.end_time <= next_one.start_time


def test_run_records_every_stage_of_a_long_talk(database_url: str, tmp_path: Path) -> None:
    """Windowing, merging, ranking, refinement and scoring all leave their rows."""
    with (
        llm_server(good_answer) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_window_tokens=800,
            llm_overlap_tokens=100,
            llm_concurrency=2,
            llm_input_price=1.0,
            llm_output_price=2.0,
        ) as runs,
    ):
        run = runs.run(LONG, prompt="Moments about the harbour")
        assert (run.status, run.error_message) == ("completed", None)
        assert run.total_moments_generated == 5
        check_moments(runs, LONG)
        check_moments(runs, LONG, refined=True)
        roots, children = runs.moments(), runs.moments(refined=True)
        assert {child.parent_id for child in children} == {root.id for root in roots}
        assert all(child.title == "A refined title" for child in children)
        assert all(
            (m.generation_model, m.scoring_model) == ("scripted", "scripted")
            and m.score is not None
            and m.scored_at is not None
            for m in roots + children
        )
        # All sub-scores are equal, so only the rank separates the scores.
        assert len({root.score for root in roots}) >= 3
        _check_record(runs, server.requests)
        assert {len(server.requests_for(form)) for form in ("ranking", "scoring")} == {1}
        assert len(server.requests_for("moment")) == len(roots)
        assert server.most_at_once <= 8
        assert all(h["authorization"] == "Bearer secret-key-1" for h in server.headers)


def _check_record(runs: LlmRuns, requests: list[Json]) -> None:
    calls = runs.rows(AiRequest)
    assert len(calls) == len(requests)
    assert {call.outcome for call in calls} == {"answered"}
    assert all(call.response and call.parse_result and call.cost for call in calls)
    assert all(call.duration_seconds is not None and call.input_tokens > 0 for call in calls)
    assert "secret-key-1" not in str([call.request for call in calls])
    candidates = runs.rows(MomentCandidate)
    assert {c.status for c in candidates} >= {"chosen", "merged", "not_chosen"}
    chosen = [c for c in candidates if c.status == "chosen" and c.operation == "generate"]
    assert {c.moment_id for c in chosen} == {m.id for m in runs.moments()}
    assert len({c.asked["first"] for c in candidates if c.operation == "generate"}) > 3
    (config,) = runs.rows(GenerationConfig)
    assert (config.model, config.operation_type) == ("scripted", "generation")
    prompts = {row.id: row for row in runs.rows(Prompt)}
    assert prompts[config.prompt_id].user_prompt == "Moments about the harbour"


def _equal_scores(found: re.Match[str]) -> str:
    """Replace the number by 5 if it is a score; keep sentence numbers."""
    before = found.string[: found.start()]
    return found[0] if before.endswith(("start_id", "end_id")) else '": 5'


def test_run_finds_moments_all_over_a_long_talk(database_url: str, tmp_path: Path) -> None:
    """Late windows count as much as early ones, and no moment is lost or shifted."""
    transcript = talk(600, seed=5)

    def undecided(request: Json) -> Reply:
        """Give all moments equal scores and keep their order."""
        if form_of(request) == "ranking":
            return Reply(json.dumps({"order": moment_numbers(request)}))
        return Reply(re.sub(r'": \d+(?=[,}])', _equal_scores, good_answer(request).content or ""))

    with (
        llm_server(undecided) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_window_tokens=1500,
            llm_overlap_tokens=200,
            llm_refine=False,
            llm_score=False,
            max_moments=20,
        ) as runs,
    ):
        assert runs.run(transcript).status == "completed"
        check_moments(runs, transcript)
        thirds = {int(3 * m.start_time / transcript.words[-1].end_seconds) for m in runs.moments()}
        assert thirds == {0, 1, 2}
        for row in runs.rows(MomentCandidate):
            spoken = [w.text for w in transcript.words if w.start_seconds >= (row.start_time or 0)]
            assert " ".join(spoken).startswith(row.proposal["quote"].split(".")[0])


def test_runs_share_prompts_and_configs_when_the_instruction_is_the_same(
    database_url: str, tmp_path: Path
) -> None:
    """Two videos with one instruction share a prompt and a config; another has its own."""
    with (
        llm_server(good_answer) as server,
        llm_runs(database_url, tmp_path, server.url, llm_refine=False) as runs,
    ):
        for seed, instruction in ((1, "jokes"), (2, "jokes"), (3, "figures")):
            assert runs.run(talk(30, seed=seed), prompt=instruction).status == "completed"
        assert len(runs.rows(GenerationConfig)) == 2
        assert sorted(row.user_prompt for row in runs.rows(Prompt)) == ["figures", "jokes"]


def test_extractive_run_calls_no_model(database_url: str, tmp_path: Path) -> None:
    """An extractive run makes moments without a call or a candidate."""
    with (
        llm_server(good_answer) as server,
        llm_runs(database_url, tmp_path, server.url, min_moment_length_seconds=5) as runs,
    ):
        assert runs.run(talk(60), model="extractive").status == "completed"
        assert runs.moments()
        assert not server.requests
        assert not runs.rows(AiRequest)
        assert not runs.rows(MomentCandidate)


@pytest.mark.parametrize("asked_for", [0, 3])
def test_run_fills_up_to_min_moments_when_the_model_finds_none(
    database_url: str, tmp_path: Path, asked_for: int
) -> None:
    """The extractive method finds as many moments as the minimum demands."""
    with (
        llm_server(lambda request: Reply('{"moments": []}')) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            min_moments=asked_for,
            llm_refine=False,
            llm_score=False,
        ) as runs,
    ):
        assert runs.run(talk(60)).status == "completed"
        assert len(runs.moments()) == asked_for
        assert {m.generation_model for m in runs.moments()} <= {"extractive-1"}
