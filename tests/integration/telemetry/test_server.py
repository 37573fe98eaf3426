"""Telemetry of processes as they are started: served by functions-framework, and a command."""

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


def test_nothing_is_lost_when_an_instance_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A span is out when its request is answered; the last figures when the server is ended."""
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


def test_every_command_at_which_functions_work_is_recorded(
    tmp_path: Path, database_url: str
) -> None:
    """Not `run` alone: what `publish` sets going has its spans."""
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
