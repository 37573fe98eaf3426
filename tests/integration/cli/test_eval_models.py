"""`videomoments eval` with model-backed configs: real functions, database and HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.evaluation.configs import parse_config
from cli.evaluation.measuring.matching import cut_word_count
from cli.evaluation.measuring.measures import Reference
from cli.evaluation.models import at_work, propose_by
from cli.evaluation.proposals import Attempt, Recording
from cli.local.home import Home
from shared.db.engine import make_engine
from shared.db.models import AiRequest, ModelConfig, Moment, MomentCandidate, PipelineHistory
from shared.domain.documents import Json
from shared.domain.transcript import TimedTranscript
from shared.moments.rules.bounds import Bounds
from shared.pipeline.context import Context
from tests.support.llm.runs import talk
from tests.support.llm.server import Reply, Script, ServerRecord, form_of, good_answer, llm_server

BOUNDS = Bounds(3, 60, 1, 5)
Run = Callable[..., Attempt]


def labelled_item(transcript: TimedTranscript, name: str = "A talk") -> Recording:
    """An item of a labelled set with this transcript."""
    words = transcript.words
    return Recording(
        name, transcript, words[-1].end_seconds + 1 if words else 9.0, Reference((), None)
    )


@contextmanager
def model_backed_eval(
    database_url: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    keys: str = "",
    *,
    retry_base_seconds: str = "0.02",
) -> Iterator[tuple[Run, ServerRecord, Context]]:
    """A function that proposes with these config keys, the server's record, and the context."""
    monkeypatch.setenv("VIDEOMOMENTS_RETRY_BASE_SECONDS", retry_base_seconds)
    engine = make_engine(database_url, pool_size=20)
    try:
        with llm_server(script) as server:
            monkeypatch.setenv("VIDEOMOMENTS_LLM_URL", server.url)
            config = parse_config(f"mine=model,model=tiny{keys}")
            assert config.asks is not None
            with at_work(config.asks, Home(home), engine) as context:
                with context.session() as session, session.begin():
                    session.add(config.asks.row("mine", None, context.settings))
                yield (
                    lambda transcript: propose_by(
                        context, config, labelled_item(transcript), BOUNDS
                    ),
                    server,
                    context,
                )
    finally:
        engine.dispose()


def test_eval_measures_the_moments_of_a_real_run(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The functions window, merge and choose; eval reports their moments, tokens and cost."""
    transcript = talk(120)
    keys = ",window_tokens=600,overlap_tokens=100,input_price=1,output_price=3,prompt_set=lesson"
    with model_backed_eval(database_url, tmp_path, monkeypatch, good_answer, keys) as (
        run,
        server,
        context,
    ):
        found = run(transcript)
        with context.session() as session:
            calls = session.query(AiRequest).all()
            candidates = session.query(MomentCandidate).count()
            (history,) = session.query(PipelineHistory).all()
    assert found.error is None
    spans = found.proposal.moments
    assert len(spans) == 5
    assert all(3 <= span.length_seconds <= 60 for span in spans)
    assert cut_word_count(transcript.words, spans) == 0
    assert len(server.requests_for("moments")) > 2
    assert len(server.requests_for("ranking")) == 1
    assert not server.requests_for("moment")
    assert not server.requests_for("scoring")
    assert "teacher" in json.dumps(server.requests_for("moments")[0])
    assert found.proposal.tokens == sum(c.input_tokens + c.output_tokens for c in calls) > 0
    assert found.proposal.cost == pytest.approx(sum(c.cost or 0 for c in calls))
    assert found.proposal.seconds > 0
    assert candidates > 5
    assert history.status == "completed"


def test_eval_measures_refined_moments_when_the_config_refines(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refinement moves each start back by a sentence, and eval measures the refined spans."""
    transcript = talk(60)
    with model_backed_eval(database_url, tmp_path, monkeypatch, good_answer, ",refine=yes") as (
        run,
        server,
        context,
    ):
        refined = run(transcript).proposal.moments
        assert len(server.requests_for("moment")) == len(refined) > 0
        with context.session() as session:
            moments = session.query(Moment).all()
    roots = {m.start_time for m in moments if not m.is_refined}
    children = {m.start_time for m in moments if m.is_refined}
    assert {span.start_seconds for span in refined} == children
    assert children - roots


def test_eval_reports_no_cost_when_prices_are_unknown(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proposal has tokens but no cost."""
    with model_backed_eval(database_url, tmp_path, monkeypatch, good_answer) as (run, _, _context):
        found = run(talk(30))
    assert found.proposal.cost is None
    assert found.proposal.tokens > 0


def test_eval_continues_when_the_model_refuses_one_item(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refused item carries the model's reason; the next item gets its moments."""

    def script(request: Json) -> Reply:
        if "forbidden" in json.dumps(request):
            return Reply(None, refusal="I will not read this.")
        return good_answer(request)

    with model_backed_eval(database_url, tmp_path, monkeypatch, script) as (run, _, _context):
        bad = run(talk(["This is forbidden to be read by anybody at all."] * 20))
        fine = run(talk(30))
    assert bad.proposal.moments == ()
    assert bad.error is not None
    assert "I will not read this" in bad.error
    assert (fine.error, len(fine.proposal.moments) > 0) == (None, True)


def test_eval_refuses_an_item_that_exceeds_the_budget_of_a_run(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The item is refused before the model is called."""
    keys = ",budget_tokens=1000,answer_tokens=400"
    with model_backed_eval(database_url, tmp_path, monkeypatch, good_answer, keys) as (
        run,
        server,
        _,
    ):
        found = run(talk(120))
    assert server.requests == []
    assert found.error is not None
    assert "1000 tokens" in found.error
    assert found.proposal.tokens == 0


def test_eval_retries_when_the_server_fails_transiently(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rate limits and server errors cost retries, not the item."""
    answers = iter([429, 500])

    def script(request: Json) -> Reply:
        status = next(answers, 200) if form_of(request) == "moments" else 200
        return good_answer(request) if status == 200 else Reply("busy", status=status)

    with model_backed_eval(database_url, tmp_path, monkeypatch, script) as (run, server, _):
        found = run(talk(30))
    assert found.error is None
    assert found.proposal.moments
    assert len(server.requests_for("moments")) == 3


def test_eval_waits_when_the_server_asks_for_a_long_wait(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """After the topic gives the message up, the ledger redelivers it, as in the cloud."""
    monkeypatch.setattr("cli.local.cloud.SWEEP_SECONDS", 0.2)
    monkeypatch.setenv("VIDEOMOMENTS_REPUBLISH_SECONDS", "1")
    answers = iter([Reply("busy", status=429, headers={"Retry-After": "6"})])

    def script(request: Json) -> Reply:
        return next(answers, good_answer(request))

    soon = model_backed_eval(
        database_url, tmp_path, monkeypatch, script, retry_base_seconds="0.0005"
    )
    with soon as (run, _, _context):
        found = run(talk(30))
    assert "dead letter left to the sweep" in caplog.text
    assert found.error is None
    assert found.proposal.moments


def test_eval_calls_no_model_when_the_transcript_has_no_words(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The item has no moment, no error and no call."""
    with model_backed_eval(database_url, tmp_path, monkeypatch, good_answer) as (run, server, _):
        found = run(TimedTranscript("en", (), ()))
    assert (found.proposal.moments, found.error, server.requests) == ((), None, [])


def test_eval_uses_the_users_own_model_row(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Address, key name and prices come from the row, under the config's name."""
    engine = make_engine(database_url)
    monkeypatch.delenv("VIDEOMOMENTS_LLM_URL", raising=False)
    monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY_MINE", "key-of-mine")
    with llm_server(good_answer) as server:
        config = parse_config("mine=model,model=keyed")
        assert config.asks is not None
        row = {"model": "m-1", "provider": "openai", "url": server.url, "api_key_name": "mine"}
        with at_work(config.asks, Home(tmp_path), engine) as context:
            with context.session() as session, session.begin():
                prices = {"input_price": 1.0, "output_price": 1.0}
                session.add(config.asks.row("mine", row | prices, context.settings))
                assert session.query(ModelConfig).count() == 1
            found = propose_by(context, config, labelled_item(talk(30)), BOUNDS)
    engine.dispose()
    assert found.error is None
    assert found.proposal.cost == pytest.approx(found.proposal.tokens / 1e6)
    assert {r["model"] for r in server.requests} == {"m-1"}
    assert {h["authorization"] for h in server.headers} == {"Bearer key-of-mine"}
