"""Servers that say how long to wait, and servers that work on when nobody waits any more."""

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
from tests.support.llm.runs import ALONE, LlmRuns, llm_runs, talk
from tests.support.llm.server import Reply, llm_server, once
from tests.support.patience import PATIENCE_SECONDS

TALK = talk(60, seed=1)


def until(condition: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.02)


def reading(runs: LlmRuns) -> StageRun:
    """The one run of `generate_window`."""
    return next(run for run in runs.rows(StageRun) if run.stage == "generate_window")


def is_resting(runs: LlmRuns) -> bool:
    """Whether it waits because it was asked to."""
    found = [run for run in runs.rows(StageRun) if run.stage == "generate_window"]
    return bool(found) and (found[0].status, found[0].error_code) == ("queued", "asked_to_wait")


def deliver(runs: LlmRuns) -> Outcome:
    """The message once more, as a broker delivers it again."""
    message = TranscriptWindowed.model_validate(reading(runs).message)
    return Runtime(runs.context).handle(TOPOLOGY.stage("generate_window"), Delivery(message))


def test_nobody_is_asked_again_before_the_server_said(database_url: str, tmp_path: Path) -> None:
    """Retry-After is kept: earlier deliveries are refused and not counted; after it all goes on."""
    busy = Reply("slow down", status=429, headers={"Retry-After": "300"})
    with (
        llm_server(once(busy)) as server,
        llm_runs(database_url, tmp_path, server.url, **ALONE) as runs,
    ):
        pipeline = runs.begin(TALK)
        until(lambda: is_resting(runs))
        assert deliver(runs) is Outcome.BUSY
        assert (reading(runs).attempt, len(server.requests)) == (1, 1)
        runs.context.clock.offset += timedelta(seconds=240)
        assert deliver(runs) is Outcome.BUSY
        assert len(server.requests) == 1
        runs.context.clock.offset += timedelta(seconds=61)
        deliver(runs)
        assert runs.wait(pipeline).status == "completed"
        assert len(server.of("moments")) == 2


def test_no_server_can_hold_a_run_for_ever(database_url: str, tmp_path: Path) -> None:
    """A wait of a year is a wait of the longest backoff, ten minutes."""
    busy = Reply("come back", status=503, headers={"Retry-After": "31536000"})
    with (
        llm_server(once(busy)) as server,
        llm_runs(database_url, tmp_path, server.url, **ALONE) as runs,
    ):
        pipeline = runs.begin(TALK)
        until(lambda: is_resting(runs))
        run = reading(runs)
        assert run.available_at - run.updated_at <= timedelta(minutes=10, seconds=1)
        runs.context.clock.offset += timedelta(minutes=11)
        deliver(runs)
        assert runs.wait(pipeline).status == "completed"


def test_an_answer_nobody_waited_for_counts_against_the_budget(
    database_url: str, tmp_path: Path
) -> None:
    """A server that was too slow is paid all the same: no attempt that the budget forbids."""
    with (
        llm_server(once(Reply("{}", delay_seconds=3.0))) as server,
        llm_runs(
            database_url,
            tmp_path,
            server.url,
            llm_timeout_seconds=0.5,
            llm_answer_tokens=1000,
            llm_budget_tokens=5000,
            **ALONE,
        ) as runs,
    ):
        pipeline = runs.run(TALK)
        calls = runs.rows(AiRequest)
        assert (pipeline.status, pipeline.error_stage) == ("failed", "generate_window")
        assert "5000 tokens" in (pipeline.error_message or "")
        assert [call.outcome for call in calls] == ["failed"]
        assert 2500 < calls[0].input_tokens + calls[0].output_tokens <= 5000
        assert len(server.requests) == 1
        assert "secret-key-1" not in json.dumps(calls[0].request)
