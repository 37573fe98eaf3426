"""Exported metrics equal the ledger's figures, to the last digit."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from shared.db.models import StageRun
from shared.errors import Reject
from shared.messaging.delivery import Outcome
from shared.pipeline.job import Job
from shared.pipeline.upkeep.sweep import sweep
from shared.telemetry import process
from shared.telemetry.measures import MEASURES
from tests.support.error_codes import NOISE
from tests.support.llm.runs import llm_runs, talk
from tests.support.llm.server import good_answer, llm_server
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.plan import raising
from tests.support.pipelines.traced import Topics
from tests.support.telemetry.otlp import Collector, Labels, exporting, labels

SUMMED = {
    "videomoments.stage.duration": ("seconds", {}),
    "videomoments.bytes.read": ("bytes_read", {}),
    "videomoments.bytes.written": ("bytes_written", {}),
    "videomoments.media.duration": ("media_seconds", {}),
    "videomoments.tokens": ("input_tokens", {"kind": "input"}),
    "videomoments.cost": ("cost", {}),
}


@pytest.fixture
def collector(collector: Collector) -> Iterator[Collector]:
    """The received metrics, complete once `exported` has ended this process's telemetry."""
    with exporting(collector.url):
        yield collector


def exported(collector: Collector) -> Collector:
    """End telemetry, so that the last figures are exported."""
    process.stop()
    return collector


def of_ledger(runs: Iterable[StageRun], figure: str, **more: str) -> dict[Labels, float]:
    """The sums of a figure by stage and status."""
    found: dict[Labels, float] = defaultdict(float)
    for run in runs:
        if figure in run.metrics:
            found[labels(stage=run.stage, status=run.status, **more)] += run.metrics[figure]
    return dict(found)


def same(one: dict[Labels, float], other: dict[Labels, float]) -> bool:
    """Equal except for the order of summation."""
    return one.keys() == other.keys() and all(
        math.isclose(one[key], other[key], rel_tol=1e-9, abs_tol=1e-9) for key in one
    )


def working(seconds: float) -> Any:
    """A hook that records figures like a stage."""

    def hook(message: object, job: Job) -> None:
        job.add_metric("media_seconds", seconds)
        job.add_metric("bytes_read", 1000 * seconds)

    return hook


def test_metrics_equal_the_ledger(world: World, tmp_path: Path, collector: Collector) -> None:
    """For completed, skipped and failed stage runs, by stage and status; units are UCUM's."""
    topics = Topics(world, tmp_path)
    world.plan.moments = 3
    world.plan.hooks["hear"] = working(1.5)
    world.plan.hooks["cut"] = raising(Reject(NOISE, "It is only noise."), subject="-1")
    topics.begin(tmp_path)
    topics.drain()
    found = exported(collector)
    with world.context.session() as session:
        runs = list(session.execute(select(StageRun)).scalars())
    assert {run.status for run in runs} == {"completed", "failed"}
    for name, (figure, more) in SUMMED.items():
        assert same(found.sums(name), of_ledger(runs, figure, **more)), name
    assert found.sums("videomoments.bytes.read")[labels(stage="hear", status="completed")] == 3000
    assert found.counts("videomoments.stage.duration")[labels(stage="cut", status="failed")] == 1
    assert found.sums("videomoments.failures") == {
        labels(stage="cut", code="noise", final="true"): 1
    }
    queued = found.sums("videomoments.queue.age")
    waits = of_ledger(runs, "queued_seconds")
    for stage in {run.stage for run in runs}:
        total = sum(wait for key, wait in waits.items() if ("stage", stage) in key)
        assert queued[labels(stage=stage)] == pytest.approx(total, abs=0.001 * len(runs))
    said = {measure.name: set(measure.labels) for measure in MEASURES}
    for name in found.metrics:
        assert all({key for key, _ in labels} == said[name] for labels in found.sums(name)), name
    units = {measure.name: measure.unit for measure in MEASURES}
    assert {metric.unit for metric in found.metrics.values()} <= set(units.values())
    assert all(metric.unit == units[name] for name, metric in found.metrics.items())


def test_metrics_count_deliveries_and_transient_failures_once(
    world: World, tmp_path: Path, collector: Collector
) -> None:
    """Each delivery counts by its outcome, each failure by its code."""
    topics = Topics(world, tmp_path)
    world.plan.hooks["begin"] = raising(OSError("for now"))
    topics.begin(tmp_path)
    (sent,) = world.publisher.take()
    assert topics.deliver(sent) == [Outcome.RETRY]
    world.plan.hooks.clear()
    assert topics.deliver(sent) == [Outcome.DONE]
    assert topics.deliver(sent) == [Outcome.DUPLICATE]
    found = exported(collector)
    assert found.sums("videomoments.deliveries") == {
        labels(stage="begin", outcome=outcome): 1 for outcome in ("retry", "done", "duplicate")
    }
    assert found.sums("videomoments.failures") == {
        labels(stage="begin", code="transient", final="false"): 1
    }
    counts = found.counts("videomoments.stage.duration")
    assert counts == {labels(stage="begin", status="completed"): 1}
    assert found.counts("videomoments.queue.age") == {labels(stage="begin"): 2}


def test_sweep_records_unfinished_work(world: World, tmp_path: Path, collector: Collector) -> None:
    """The number of running stage runs, the age of the oldest message, and abandoned ones."""
    topics = Topics(world, tmp_path)
    topics.begin(tmp_path)
    topics.step()
    other = world.begin()
    with world.context.session() as session, session.begin():
        session.execute(
            update(StageRun)
            .where(StageRun.run_id == world.run_of(other).id)
            .values(attempt=world.context.policy.max_attempts)
        )
    world.advance(1000)
    assert sweep(world.context).abandoned == 1
    found = exported(collector)
    assert found.sums("videomoments.pipelines.running") == {(): 1}
    assert 1000 <= found.sums("videomoments.queue.oldest")[()] < 1300
    assert found.sums("videomoments.failures") == {
        labels(stage="split", code="attempts_exhausted", final="true"): 1
    }


def test_metrics_count_tokens_and_cost(
    database_url: str, tmp_path: Path, collector: Collector
) -> None:
    """By kind, equal to the ledger, with several threads asking."""
    settings: dict[str, Any] = {"llm_input_price": 1.0, "llm_output_price": 2.0}
    settings |= {"llm_window_tokens": 800, "llm_overlap_tokens": 100}
    with (
        llm_server(good_answer) as server,
        llm_runs(database_url, tmp_path, server.url, **settings) as runs,
    ):
        assert runs.run(talk(120, seed=3)).status == "completed"
        rows = runs.rows(StageRun)
    found = exported(collector)
    for kind in ("input", "output"):
        tokens = {k: v for k, v in found.sums("videomoments.tokens").items() if ("kind", kind) in k}
        assert tokens == of_ledger(rows, f"{kind}_tokens", kind=kind)
        assert len(tokens) >= 3
    assert same(found.sums("videomoments.cost"), of_ledger(rows, "cost"))
    assert sum(found.sums("videomoments.cost").values()) > 0
    chats = [span for span in found.spans if span.name.startswith("chat ")]
    stages = {span.id: span.name for span in found.spans if span.kind == "consumer"}
    assert {stages[span.parent] for span in chats} >= {"generate_window", "choose_moments"}
    assert sum(span["input_tokens"] for span in chats) == sum(
        row.metrics.get("input_tokens", 0) for row in rows
    )
