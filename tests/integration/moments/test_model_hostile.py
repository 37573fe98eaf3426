"""Hostile answers and hostile transcripts: neither makes a wrong row, neither gives an order."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from shared.db.models import Moment, MomentCandidate, StageRun
from shared.domain.documents import Json
from shared.domain.transcript import TimedTranscript
from shared.moments.rules.proposals import occurs
from shared.moments.rules.script import Script
from tests.integration.moments.test_model_chain import check_moments
from tests.support.llm.hostile_answers import (
    INJECTIONS,
    MAKERS,
    hostile_answer,
    hostile_moments,
    obedient_answer,
)
from tests.support.llm.runs import LlmRuns, llm_runs, talk
from tests.support.llm.server import Reply, form_of, good_answer, llm_server, sentences_of

OUTPUTS = 200


@pytest.mark.slow
def test_run_makes_no_wrong_moment_from_hostile_answers(database_url: str, tmp_path: Path) -> None:
    """Every window and every repair gets a hostile answer, and the run still completes.

    Each moment is sound, and each rejected candidate has its reason on record.
    """
    transcript = talk(OUTPUTS * 8, seed=11)
    seeds: dict[int, int] = {}

    def script(request: Json) -> Reply:
        if form_of(request) != "moments":
            return good_answer(request)
        seed = seeds.setdefault(sentences_of(request)[0][0], len(seeds))
        return hostile_moments(seed + (1000 if len(request["messages"]) > 2 else 0), request)

    with (
        llm_server(script) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_window_tokens=230,
            llm_overlap_tokens=0,
            max_moment_length_seconds=20,
            llm_concurrency=16,
            llm_timeout_seconds=20,
            llm_refine=False,
            llm_score=False,
            max_moments=40,
        ) as runs,
    ):
        run = runs.run(transcript)
        assert run.status == "completed", run.error_message
        assert len(seeds) >= OUTPUTS
        assert {seed % len(MAKERS) for seed in seeds.values()} == set(range(len(MAKERS)))
        check_moments(runs, transcript)
        _check_candidates(runs, transcript)
        assert len({c.rejection_code for c in runs.rows(MomentCandidate)}) >= 6
        assert not any("\x1b" in m.title or "\n" in m.title for m in runs.moments())


@pytest.mark.slow
def test_run_keeps_sound_moments_when_later_answers_are_hostile(
    database_url: str, tmp_path: Path
) -> None:
    """Hostile rankings, refinements and scores leave the moments sound and scored."""
    numbers = iter(range(10_000))
    lock = threading.Lock()

    def script(request: Json) -> Reply:
        form = form_of(request)
        if form == "moments":
            return good_answer(request)
        with lock:
            number = next(numbers)
        return hostile_answer(form, number, request)

    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url, llm_timeout_seconds=20) as runs,
    ):
        transcripts = [talk(40, seed=seed) for seed in range(30)]
        begun = [runs.begin(transcript) for transcript in transcripts]
        ended = [runs.wait(identifier) for identifier in begun]
        assert {run.status for run in ended} <= {"completed", "partial"}
        assert {p.error_stage for p in ended} <= {None, "score_moments", "refine_moments"}
        assert len(server.requests) - len(server.requests_for("moments")) >= OUTPUTS
        moments = runs.rows(Moment)
        assert {m.video_id for m in moments if not m.is_refined} == {p.video_id for p in ended}
        assert all(m.score is not None and 0 <= m.score <= 10 for m in moments)
        scripts = dict(zip([p.video_id for p in ended], transcripts, strict=True))
        for moment in moments:
            words = scripts[moment.video_id].words
            for cut in (moment.start_time, moment.end_time):
                assert not any(w.start_seconds + 1e-3 < cut < w.end_seconds - 1e-3 for w in words)
            assert 3 <= moment.end_time - moment.start_time <= 60
        for row in runs.rows(MomentCandidate):
            assert (row.status == "rejected") == bool(row.rejection_code and row.reason)


def _check_candidates(runs: LlmRuns, transcript: TimedTranscript) -> None:
    script = Script.of(transcript, transcript.words[-1].end_seconds + 1)
    chosen = set()
    for row in runs.rows(MomentCandidate):
        if row.status == "rejected":
            assert row.reason
            assert row.moment_id is None
            continue
        said = script.text(row.proposal["start_id"], row.proposal["end_id"])
        assert occurs(row.proposal["quote"], said)
        chosen |= {row.moment_id} if row.status == "chosen" else set()
    assert chosen == {m.id for m in runs.rows(Moment)}


def test_transcript_cannot_instruct_the_model(database_url: str, tmp_path: Path) -> None:
    """Fifty transcripts address the model, and an obedient model changes nothing by it.

    The words reach the model as data in their own block, no tool is offered, and an obedient
    answer is checked like any other.
    """

    def script(request: Json) -> Reply:
        return obedient_answer(request) if form_of(request) == "moments" else good_answer(request)

    assert len(INJECTIONS) == 50
    with (
        llm_server(script) as server,
        llm_runs(database_url, tmp_path, server.url, llm_refine=False, llm_score=False) as runs,
    ):
        runs_of = {
            runs.begin(_talk_with(injection, number), min_moments=0): injection
            for number, injection in enumerate(INJECTIONS)
        }
        ended = [runs.wait(identifier) for identifier in runs_of]
        assert {run.status for run in ended} <= {"completed", "failed"}
        failures = {p.error_message.split(" ")[0] for p in ended if p.error_message}
        assert failures <= {"None"}
        assert {run.error_code for run in runs.rows(StageRun) if run.status == "failed"} == {
            "no_usable_answer"
        }
        assert "EVIL" not in " ".join(m.title for m in runs.moments())
        systems = {request["messages"][0]["content"] for request in server.requests_for("moments")}
        assert len(systems) == 1
        for request in server.requests_for("moments"):
            _check_request(request)


def _talk_with(injection: str, number: int) -> TimedTranscript:
    """A short talk in which somebody says `injection`."""
    plain = [segment.text for segment in talk(14, seed=number).segments]
    return talk([*plain[:5], injection, *plain[5:]])


def _check_request(request: Json) -> None:
    assert not {"tools", "tool_choice", "functions"} & set(request)
    first = request["messages"][1]["content"]
    assert [m["role"] for m in request["messages"][:2]] == ["system", "user"]
    assert (first.count("<transcript>"), first.count("</transcript>")) == (1, 1)
    before, _, rest = first.partition("<transcript>\n")
    block, _, after = rest.partition("\n</transcript>")
    assert after == ""
    assert "viewer asks" not in before
    numbers = [int(line.split(" | ")[0]) for line in block.split("\n")]
    assert numbers == list(range(len(numbers)))
    assert all(line.count("|") == 2 for line in block.split("\n"))
    assert request["response_format"]["json_schema"]["strict"] is True
    assert json.dumps(request).count("scripted") == 1
