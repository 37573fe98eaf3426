"""`doctor` and topics: it reports missing and wrongly wired ones, on the official emulator."""

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
    """A fresh emulator."""
    with PubSubEmulator() as emulator:
        yield emulator.host


def specs() -> list[SubscriptionSpec]:
    """Every subscription of the topology, each pushing to a function."""
    return [
        replace(spec, push_endpoint="http://127.0.0.1:9/push")
        for spec in subscription_specs(TOPOLOGY, SETTINGS)
    ]


def differences_on(host: str, project: str = PROJECT) -> list[str]:
    """The differences between the topology and the emulator's project."""
    return differences(TOPOLOGY.messages, specs(), project=project, emulator_host=host)


def test_differences_names_everything_missing_from_an_empty_project(host: str) -> None:
    """Each missing topic and each missing subscription has a line."""
    lines = differences_on(host, "doctor-empty")
    assert len(lines) == len(TOPOLOGY.messages) + len(TOPOLOGY.subscriptions)
    assert "There is no topic clip-cut." in lines
    assert "There is no subscription clip-cut.make_thumbnail." in lines


def test_check_topics_is_ok_only_when_everything_is_wired(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check passes on a complete project and reports a problem once a topic is deleted."""
    ensure(TOPOLOGY.messages, specs(), project=PROJECT, emulator_host=host)
    assert differences_on(host) == []
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
def test_differences_names_a_wrongly_wired_subscription(
    host: str, change: dict[str, object], said: str
) -> None:
    """A wrong topic, endpoint, deadline or dead-letter topic gives one sentence."""
    project = f"doctor-{uuid.uuid4().hex[:12]}"
    right = next(spec for spec in specs() if spec.name == "moment-found.cut_clip")
    wrong = replace(right, **change)  # type: ignore[arg-type]
    ensure(TOPOLOGY.messages, [wrong], project=project, emulator_host=host)
    (line,) = differences(TOPOLOGY.messages, [right], project=project, emulator_host=host)
    assert "moment-found.cut_clip" in line
    assert said in line
