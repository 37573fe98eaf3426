"""A collector that fails, hangs or is missing costs no stage; Google gets authenticated exports."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import flask
import pytest

from shared.http.events.target import Target, make_target
from shared.messaging.in_process.parcel import Parcel, push_body
from shared.messaging.outgoing import outgoing
from shared.settings.settings import Settings
from shared.telemetry import process
from tests.support.google.account import write_account
from tests.support.patience import PATIENCE_SECONDS
from tests.support.pipelines.pipelines import World
from tests.support.pipelines.traced import HEADERS, Topics
from tests.support.telemetry.otlp import Collector, exporting, labels

LINE = "telemetry is not exported"


def target_of(world: World) -> Target:
    """The first function, as functions-framework serves it."""
    begin = world.context.topology["begin"]
    return make_target("begin", begin.consumes, partial(world.runtime.handler, begin))


def push(target: Target, body: bytes) -> int:
    """The status of one push request."""
    with flask.Flask("t").test_request_context("/", method="POST", data=body, headers=HEADERS):
        return target(flask.request).status_code


def until(happens: Callable[[], bool], timeout_seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for the condition."""
    deadline = time.monotonic() + timeout_seconds
    while not happens():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("status", [400, 404, 500, 503, None])
def test_stages_work_when_the_collector_fails(
    world: World,
    tmp_path: Path,
    collector: Collector,
    caplog: pytest.LogCaptureFixture,
    status: int | None,
) -> None:
    """One line says what is wrong, and the collector is not asked for each export.

    None: nothing listens at its address.
    """
    collector.status = status or 200
    url = collector.url if status else "http://127.0.0.1:9"
    topics = Topics(world, tmp_path)
    with caplog.at_level(logging.INFO), exporting(url, telemetry_timeout_seconds=1):
        topics.begin(tmp_path)
        topics.step()
        until(process.flush)
        asked = len(collector.paths)
        while topics.step():
            assert process.flush()
    (run,) = {run.run_id for run in world.runs_of_all()}
    assert run is not None
    assert {row.status for row in world.runs_of_all()} == {"completed"}
    lines = [record.getMessage() for record in caplog.records if LINE in record.getMessage()]
    assert len(lines) == 1
    assert "opentelemetry" not in {record.name.partition(".")[0] for record in caplog.records}
    assert len(collector.paths) == asked


def test_pushes_are_answered_when_the_collector_hangs(
    world: World, tmp_path: Path, collector: Collector
) -> None:
    """The collector is not asked for each export."""
    collector.hold.clear()
    message = Topics(world, tmp_path).drop(tmp_path)
    body = push_body(Parcel("video-uploaded.begin", outgoing(message), "7"))
    target = target_of(world)
    with exporting(collector.url, telemetry_timeout_seconds=0.2):
        assert push(target, body) == 204
        assert collector.asked.wait(PATIENCE_SECONDS)
        until(process.flush)
        asked = len(collector.paths)
        assert [push(target, body) for _ in range(5)] == [204] * 5
        until(process.flush)
        assert len(collector.paths) == asked
    assert not collector.hold.is_set()


def test_spans_are_exported_before_the_answer(
    world: World, tmp_path: Path, collector: Collector
) -> None:
    """A function may not run between requests, so its spans leave first."""
    message = Topics(world, tmp_path).drop(tmp_path)
    body = push_body(Parcel("video-uploaded.begin", outgoing(message), "7"))
    with exporting(collector.url):
        assert push(target_of(world), body) == 204
        assert [span.name for span in collector.spans] == ["send video-probed", "begin"]
        assert collector.sums("videomoments.deliveries") == {
            labels(stage="begin", outcome="done"): 1
        }


def test_google_export_carries_a_token(
    world: World, tmp_path: Path, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account's token goes along, and the resource names project and region."""
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "cloud.region=europe-west4")
    # Outside googleapis.com an account signs its tokens itself.
    account = write_account(
        tmp_path, "http://127.0.0.1:9/token", project="my-project", universe_domain="example.test"
    )
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    topics = Topics(world, tmp_path)
    with exporting(collector.url, telemetry="google", project="my-project"):
        topics.begin(tmp_path)
        topics.drain()
    assert set(collector.paths) == {"/v1/traces", "/v1/metrics"}
    assert {found["authorization"][:10] for found in collector.headers} == {"Bearer eyJ"}
    assert collector.resource["gcp.project_id"] == "my-project"
    assert collector.resource["cloud.region"] == "europe-west4"


def test_google_export_without_credentials_costs_one_log_line(
    world: World,
    tmp_path: Path,
    collector: Collector,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No stage fails."""
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    topics = Topics(world, tmp_path)
    with exporting(collector.url, telemetry="google", project="my-project"):
        topics.begin(tmp_path)
        topics.drain()
        process.flush()
    assert {row.status for row in world.runs_of_all()} == {"completed"}
    lines = [record.getMessage() for record in caplog.records if LINE in record.getMessage()]
    assert len(lines) == 1
    assert "none.json" in lines[0]
    assert collector.paths == []


def test_google_export_needs_a_project() -> None:
    """The settings say so at once."""
    with pytest.raises(ValueError, match="TELEMETRY=google needs PROJECT"):
        Settings(telemetry="google")
