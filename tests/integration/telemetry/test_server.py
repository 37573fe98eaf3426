"""Telemetry of whole processes: a function under functions-framework, and a command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.http.test_framework import served, status
from tests.support.processes.command import environment, videomoments
from tests.support.telemetry.otlp import collecting, labels

PROBED = json.dumps({"pipeline": "p1", "video": "v1", "generation": "1"}).encode()
MAIN = """
from shared.http.events.target import make_target
from shared.messages.videos import VideoProbed
from shared.messaging.delivery import Outcome
from shared.settings.settings import load_settings
from shared.telemetry import process

def handler():
    process.start(load_settings(), "split_audio")
    return lambda delivery: Outcome.DONE

split_audio = make_target("split_audio", (VideoProbed,), handler)
"""


def test_served_function_loses_no_telemetry_when_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spans are out with the answer, the last figures when the server ends."""
    source = tmp_path / "main.py"
    source.write_text(MAIN)
    with collecting() as collector:
        monkeypatch.setenv("VIDEOMOMENTS_TELEMETRY", "otlp")
        monkeypatch.setenv("VIDEOMOMENTS_TELEMETRY_ENDPOINT", collector.url)
        monkeypatch.setenv("VIDEOMOMENTS_TELEMETRY_TIMEOUT_SECONDS", "20")
        with served(source) as url:
            for number in (1, 2, 3):
                assert status(url, PROBED, **{"Content-Type": "application/json"}) == 204
                assert len(collector.named("split_audio")) == number
        assert collector.sums("videomoments.deliveries") == {
            labels(stage="split_audio", outcome="done"): 3
        }


def test_publish_command_records_the_functions_it_starts(tmp_path: Path, database_url: str) -> None:
    """Not only `run` exports spans."""
    with collecting() as collector:
        env = environment(
            database_url=database_url,
            telemetry="otlp",
            telemetry_endpoint=collector.url,
            telemetry_timeout_seconds="20",
        )
        done = videomoments("publish", "sweep-requested", "{}", "--data", tmp_path, env=env)
        assert done.returncode == 0, done.stderr
        assert collector.named("sweep")
