"""Servers that say how long to wait, and servers that answer after the client has given up."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from functions.main import TOPOLOGY
from shared.db.models import AiRequest, StageRun
from shared.messages.moments import TranscriptWindowed
from shared.messaging.delivery import Delivery, Outcome
from shared.pipeline.runtime import Runtime
from tests.support.llm.runs import CHOICE_ONLY, LlmRuns, llm_runs, talk
from tests.support.llm.server import Reply, first_reply, llm_server
from tests.support.patience import PATIENCE_SECONDS

TALK = talk(60, seed=1)


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def window_run(runs: LlmRuns) -> StageRun:
    """The only stage run of `generate_window`."""
    return next(run for run in runs.rows(StageRun) if run.stage == "generate_window")


def is_waiting(runs: LlmRuns) -> bool:
    """Whether that stage run waits because the server asked for it."""
    found = [run for run in runs.rows(StageRun) if run.stage == "generate_window"]
    return bool(found) and (found[0].status, found[0].error_code) == ("queued", "asked_to_wait")


def redeliver(runs: LlmRuns) -> Outcome:
    """Deliver the message again, like a broker."""
    message = TranscriptWindowed.model_validate(window_run(runs).message)
    return Runtime(runs.context).handle(TOPOLOGY.stage("generate_window"), Delivery(message))


def test_runtime_refuses_deliveries_before_retry_after(database_url: str, tmp_path: Path) -> None:
    """Earlier deliveries are busy and cost no attempt; after the wait the run completes."""
    busy = Reply("slow down", status=429, headers={"Retry-After": "300"})
    with (
        llm_server(first_reply(busy)) as server,
        llm_runs(database_url, tmp_path, server.url, **CHOICE_ONLY) as runs,
    ):
        identifier = runs.begin(TALK)
        wait_until(lambda: is_waiting(runs))
        assert redeliver(runs) is Outcome.BUSY
        assert (window_run(runs).attempt, len(server.requests)) == (1, 1)
        runs.context.clock.offset += timedelta(seconds=240)
        assert redeliver(runs) is Outcome.BUSY
        assert len(server.requests) == 1
        runs.context.clock.offset += timedelta(seconds=61)
        redeliver(runs)
        assert runs.wait(identifier).status == "completed"
        assert len(server.requests_for("moments")) == 2


def test_runtime_caps_retry_after_at_the_longest_backoff(database_url: str, tmp_path: Path) -> None:
    """A server that asks for a year is called again after ten minutes."""
    busy = Reply("come back", status=503, headers={"Retry-After": "31536000"})
    with (
        llm_server(first_reply(busy)) as server,
        llm_runs(database_url, tmp_path, server.url, **CHOICE_ONLY) as runs,
    ):
        identifier = runs.begin(TALK)
        wait_until(lambda: is_waiting(runs))
        run = window_run(runs)
        assert run.available_at - run.updated_at <= timedelta(minutes=10, seconds=1)
        runs.context.clock.offset += timedelta(minutes=11)
        redeliver(runs)
        assert runs.wait(identifier).status == "completed"


def test_run_counts_a_timed_out_call_against_the_budget(database_url: str, tmp_path: Path) -> None:
    """A timed-out call may still be billed, so no further attempt exceeds the budget."""
    with (
        llm_server(first_reply(Reply("{}", delay_seconds=3.0))) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_timeout_seconds=0.5,
            llm_answer_tokens=1000,
            llm_budget_tokens=5000,
            **CHOICE_ONLY,
        ) as runs,
    ):
        run = runs.run(TALK)
        calls = runs.rows(AiRequest)
        assert (run.status, run.error_stage) == ("failed", "generate_window")
        assert "5000 tokens" in (run.error_message or "")
        assert [call.outcome for call in calls] == ["failed"]
        assert 2500 < calls[0].input_tokens + calls[0].output_tokens <= 5000
        assert len(server.requests) == 1
        assert "secret-key-1" not in json.dumps(calls[0].request)
