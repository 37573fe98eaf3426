"""Topics that are missing or wired otherwise, on the official emulator."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cli.dev.emulator import HOW_TO_GET_IT, PubSubEmulator, find_emulator
from cli.doctor.topics import check_topics
from cli.local.cloud import subscription_specs
from cli.local.home import Home
from functions.main import TOPOLOGY
from shared.messaging.pubsub import connection
from shared.messaging.pubsub.drift import differences
from shared.messaging.pubsub.provision import SubscriptionSpec, ensure
from shared.settings.settings import Settings

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.xdist_group("emulator"),
    pytest.mark.skipif(find_emulator() is None, reason=HOW_TO_GET_IT),
]
PROJECT = "doctor-tests"
SETTINGS = Settings(project=PROJECT)


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    """An emulator with nothing in it at first."""
    with PubSubEmulator() as emulator:
        yield emulator.host


def specs() -> list[SubscriptionSpec]:
    """Every subscription of the topology, pushing to a function."""
    return [
        replace(spec, push_endpoint="http://127.0.0.1:9/push")
        for spec in subscription_specs(TOPOLOGY, SETTINGS)
    ]


def found(host: str, project: str = PROJECT) -> list[str]:
    """What differs."""
    return differences(TOPOLOGY.messages, specs(), project=project, emulator_host=host)


def test_what_is_missing_is_named(host: str) -> None:
    """Every topic and every subscription of an empty project."""
    lines = found(host, "doctor-empty")
    assert len(lines) == len(TOPOLOGY.messages) + len(TOPOLOGY.subscriptions)
    assert "There is no topic clip-cut." in lines
    assert "There is no subscription clip-cut.make_thumbnail." in lines


def test_what_is_as_it_should_be_is_not_named(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wired as the topology says, `doctor` finds it well; with one topic gone, it does not."""
    ensure(TOPOLOGY.messages, specs(), project=PROJECT, emulator_host=host)
    assert found(host) == []
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", host)
    (check,) = check_topics(SETTINGS, Home(tmp_path))
    assert check.state == "ok"
    client = connection.publisher_client(host)
    client.delete_topic(topic=connection.topic_path(PROJECT, "clip-cut"))
    client.transport.close()  # type: ignore[no-untyped-call]
    (check,) = check_topics(SETTINGS, Home(tmp_path))
    assert (check.state, "clip-cut" in check.found, bool(check.remedy)) == ("problem", True, True)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"topic": "video-probed"}, "listens to video-probed, not to moment-found"),
        ({"push_endpoint": None}, "pushes to no function"),
        ({"ack_deadline_seconds": 10}, "redelivered after 10 s"),
        ({"dead_letter_topic": None}, "go nowhere, not to dead-letter"),
    ],
)
def test_what_is_wired_otherwise_is_named(host: str, change: dict[str, object], said: str) -> None:
    """Another topic, no function, too short a deadline, no dead letters: each is one sentence."""
    project = f"doctor-{uuid.uuid4().hex[:12]}"
    right = next(spec for spec in specs() if spec.name == "moment-found.cut_clip")
    wrong = replace(right, **change)  # type: ignore[arg-type]
    ensure(TOPOLOGY.messages, [wrong], project=project, emulator_host=host)
    (line,) = differences(TOPOLOGY.messages, [right], project=project, emulator_host=host)
    assert "moment-found.cut_clip" in line
    assert said in line
