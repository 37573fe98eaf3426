"""Pub/Sub's own concerns, on the official emulator: its process, forks, restarts, wiring."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cli.dev.emulator import HOW_TO_GET_IT, PubSubEmulator, find_emulator
from shared.errors import PublishFailed
from shared.messaging.protocol import Outgoing
from shared.messaging.pubsub import connection
from shared.messaging.pubsub.provision import SubscriptionSpec, ensure
from shared.messaging.pubsub.publisher import PubSubPublisher
from tests.support.patience import PATIENCE_SECONDS

PROJECT = "pubsub-own"
needs_emulator = pytest.mark.skipif(find_emulator() is None, reason=HOW_TO_GET_IT)


@pytest.fixture
def emulator() -> Iterator[PubSubEmulator]:
    """A running emulator of the test's own."""
    with PubSubEmulator() as running:
        yield running


def pull(host: str, name: str, count: int) -> list[bytes]:
    """The messages that a subscription holds; they are acknowledged."""
    client = connection.subscriber_client(host)
    path = connection.subscription_path(PROJECT, name)
    found: list[bytes] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        answer = client.pull(request={"subscription": path, "max_messages": 100}, timeout=15)
        found += [item.message.data for item in answer.received_messages]
        ids = [item.ack_id for item in answer.received_messages]
        if ids:
            client.acknowledge(request={"subscription": path, "ack_ids": ids})
    client.transport.close()  # type: ignore[no-untyped-call]
    return found


def _publish_in_child(publisher: PubSubPublisher) -> None:
    publisher.publish([Outgoing("forked", b"child")])


@needs_emulator
@pytest.mark.emulator
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_publisher_works_after_a_fork(emulator: PubSubEmulator) -> None:
    """A publisher made before a fork works in parent and child, as in a server's workers."""
    ensure(
        [],
        [SubscriptionSpec("kept", "forked", ack_deadline_seconds=10)],
        project=PROJECT,
        emulator_host=emulator.host,
    )
    publisher = PubSubPublisher(PROJECT, emulator_host=emulator.host)
    # Made but not used: gRPC does not survive a fork with an open channel; servers fork first.
    child = multiprocessing.get_context("fork").Process(target=_publish_in_child, args=(publisher,))
    child.start()
    child.join(PATIENCE_SECONDS)
    assert child.exitcode == 0
    publisher.publish([Outgoing("forked", b"parent")])
    assert sorted(pull(emulator.host, "kept", 2)) == [b"child", b"parent"]
    publisher.close()


@needs_emulator
@pytest.mark.emulator
def test_publisher_recovers_when_the_broker_returns(emulator: PubSubEmulator) -> None:
    """Without a broker publishing fails in time; later the same publisher works.

    The restarted emulator is empty, so the test makes its topics again.
    """
    specs = [SubscriptionSpec("kept", "things", ack_deadline_seconds=10)]
    ensure([], specs, project=PROJECT, emulator_host=emulator.host)
    publisher = PubSubPublisher(PROJECT, emulator_host=emulator.host, timeout_seconds=2)
    publisher.publish([Outgoing("things", b"before")])
    emulator.stop()
    with pytest.raises(PublishFailed, match="things"):
        publisher.publish([Outgoing("things", b"lost")])
    emulator.start()
    with pytest.raises(PublishFailed, match="things"):
        publisher.publish([Outgoing("things", b"no topic yet")])
    ensure([], specs, project=PROJECT, emulator_host=emulator.host)
    publisher.publish([Outgoing("things", b"after")])
    assert pull(emulator.host, "kept", 1) == [b"after"]
    publisher.close()


@needs_emulator
@pytest.mark.emulator
def test_publish_sends_the_other_topics_when_one_is_missing(emulator: PubSubEmulator) -> None:
    """The other topics' messages go out, and the missing topic is an error."""
    specs = [SubscriptionSpec("kept", "good", ack_deadline_seconds=10)]
    ensure([], specs, project=PROJECT, emulator_host=emulator.host)
    publisher = PubSubPublisher(PROJECT, emulator_host=emulator.host)
    with pytest.raises(PublishFailed, match="missing"):
        publisher.publish([Outgoing("missing", b"1"), Outgoing("good", b"2")])
    assert pull(emulator.host, "kept", 1) == [b"2"]
    publisher.close()


@needs_emulator
@pytest.mark.emulator
def test_ensure_corrects_an_existing_subscription(emulator: PubSubEmulator) -> None:
    """A subscription gets its new endpoint, deadline and dead-letter topic."""

    def wire(spec: SubscriptionSpec) -> None:
        ensure(["extra"], [spec], project=PROJECT, emulator_host=emulator.host)

    wire(SubscriptionSpec("moved", "things", "http://127.0.0.1:1/a", 20))
    for _ in range(2):
        wire(SubscriptionSpec("moved", "things", "http://127.0.0.1:1/b", 30, "dead", 7, 1, 5))
    client = connection.subscriber_client(emulator.host)
    path = connection.subscription_path(PROJECT, "moved")
    found = client.get_subscription(subscription=path)
    assert found.push_config.push_endpoint == "http://127.0.0.1:1/b"
    assert found.ack_deadline_seconds == 30
    assert found.dead_letter_policy.dead_letter_topic.endswith("/topics/dead")
    assert found.dead_letter_policy.max_delivery_attempts == 7
    assert found.retry_policy.maximum_backoff.total_seconds() == 5
    client.transport.close()  # type: ignore[no-untyped-call]


@needs_emulator
@pytest.mark.emulator
def test_emulator_leaves_no_child_when_stopped() -> None:
    """Neither its launcher nor its Java process survives; a second stop is not an error."""
    emulator = PubSubEmulator()
    emulator.start()
    children = psutil.Process().children(recursive=True)
    mine = [c for c in children if str(emulator.host.partition(":")[2]) in " ".join(c.cmdline())]
    assert mine
    emulator.stop()
    emulator.stop()
    _, alive = psutil.wait_procs(mine, timeout=PATIENCE_SECONDS)
    assert alive == []


def test_emulator_shows_the_launchers_output_when_it_fails(tmp_path: Path) -> None:
    """The error holds the launcher's output."""
    launcher = tmp_path / "launcher"
    launcher.write_text("#!/bin/sh\necho no java here\nexit 3\n")
    launcher.chmod(0o755)
    with pytest.raises(RuntimeError, match="no java here"):
        PubSubEmulator(launcher).start()


def test_publisher_loads_no_client_library_before_it_publishes() -> None:
    """Importing and making a publisher loads no client library and opens no connection."""
    code = (
        "import sys; from shared.messaging.pubsub.publisher import PubSubPublisher;"
        "from shared.messaging.pubsub import provision; import shared.http.events.target;"
        "PubSubPublisher('p');"
        "heavy = ('google.pubsub', 'google.api_core', 'google.auth', 'grpc', 'cryptography');"
        "print([m for m in sys.modules if m.startswith(heavy)])"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
