"""The in-process broker beyond the shared suite: time, loss, shutdown."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from shared.errors import PublishFailed
from shared.http.events.decode import decode
from shared.http.events.intake import Intake
from shared.messages.videos import VideoProbed
from shared.messaging.delivery import DeadLetter, Delivery, Outcome
from shared.messaging.in_process.broker import MemoryBroker
from shared.messaging.in_process.parcel import backoff_seconds
from shared.messaging.outgoing import outgoing
from shared.messaging.protocol import Outgoing
from shared.messaging.pubsub.provision import SubscriptionSpec
from shared.messaging.pubsub.publisher import MAX_BATCH_BYTES, batches
from tests.support.patience import PATIENCE_SECONDS

PROBED = VideoProbed(pipeline="p", video="v", generation="1")
QUICK = SubscriptionSpec("s", "t", min_backoff_seconds=0.01, max_backoff_seconds=0.02)


class Clock:
    """A clock that stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def until(check: object, expected: object, timeout: float = PATIENCE_SECONDS) -> None:
    """Wait until a list has the expected number of items."""
    assert isinstance(check, list)
    deadline = time.monotonic() + timeout
    while len(check) != expected:
        assert time.monotonic() < deadline, f"{len(check)}, not {expected}"
        time.sleep(0.005)


def test_broker_redelivers_after_the_backoff() -> None:
    """A refused message comes again after its pause, not before."""
    clock, calls = Clock(), []

    def refuse(_: Mapping[str, str], __: bytes) -> Outcome:
        calls.append(clock.now)
        return Outcome.BUSY

    broker = MemoryBroker(clock=clock, jitter=0.0)
    spec = SubscriptionSpec("s", "t", min_backoff_seconds=10, max_backoff_seconds=30)
    broker.subscribe(spec, refuse)
    broker.publish([Outgoing("t", b"{}")])
    until(calls, 1)
    for moment, count in ((9.9, 1), (10.0, 2), (29.0, 2), (30.0, 3), (60.0, 4), (89.0, 4)):
        clock.now = moment
        broker.wake()
        time.sleep(0.03)
        until(calls, count)
    assert not broker.wait_idle(0.05)
    broker.close()


def test_backoff_doubles_up_to_the_longest_pause() -> None:
    """The pause is within its bounds at any attempt."""
    spec = SubscriptionSpec("s", "t", min_backoff_seconds=1, max_backoff_seconds=8)
    assert [backoff_seconds(spec, n, 0.0) for n in (1, 2, 3, 4, 5, 5000)] == [1, 2, 4, 8, 8, 8]
    spread = {backoff_seconds(spec, 1, 0.2) for _ in range(200)}
    assert len(spread) > 100
    assert min(spread) >= 0.8
    assert max(spread) <= 1.2


def test_broker_keeps_the_order_of_a_key_when_a_message_is_refused() -> None:
    """With many workers, a refused message holds back only the later ones of its key."""
    taken: list[bytes] = []
    refused: set[bytes] = set()

    def endpoint(_: Mapping[str, str], body: bytes) -> Outcome:
        (found,) = decode({}, body, (DeadLetter,))
        assert isinstance(found, Delivery)
        assert isinstance(found.message, DeadLetter)
        text = found.message.text.encode()
        if text.endswith(b"3") and text not in refused:
            refused.add(text)
            return Outcome.BUSY
        time.sleep(0.002)
        taken.append(text)
        return Outcome.DONE

    broker = MemoryBroker(workers=6)
    broker.subscribe(replace(QUICK, ordered=True), endpoint)
    sent = [(key, b"%s%d" % (key.encode(), n)) for n in range(20) for key in "ab"]
    broker.publish([Outgoing("t", body, ordering_key=key) for key, body in sent])
    assert broker.wait_idle(10)
    for key in "ab":
        mine = [body for body in taken if body.startswith(key.encode())]
        assert mine == [body for name, body in sent if name == key]
    assert len(refused) == 4
    broker.close()


def test_broker_redelivers_when_an_endpoint_raises() -> None:
    """An exception counts as a refusal, and the worker continues."""
    calls: list[int] = []

    def fail(_: Mapping[str, str], __: bytes) -> Outcome:
        calls.append(1)
        if len(calls) < 3:
            raise RuntimeError("away")
        return Outcome.DONE

    broker = MemoryBroker(workers=1)
    broker.subscribe(QUICK, fail)
    broker.publish([Outgoing("t", b"{}")])
    assert broker.wait_idle(5)
    assert len(calls) == 3
    broker.close()


def test_broker_delivers_real_push_bodies_to_an_intake(
    expected_errors: list[logging.LogRecord],
) -> None:
    """Contracts are decoded from push bodies; undecodable ones are dead-lettered."""
    seen: list[Delivery] = []
    dead: list[bytes] = []

    def handle(delivery: Delivery) -> Outcome:
        seen.append(delivery)
        return Outcome.DONE

    def bury(_: Mapping[str, str], body: bytes) -> Outcome:
        dead.append(body)
        return Outcome.DONE

    broker = MemoryBroker()
    spec = SubscriptionSpec(
        "split-audio", "video-probed", dead_letter_topic="dead", min_backoff_seconds=0.01
    )
    broker.subscribe(spec, Intake("split_audio", (VideoProbed,), lambda: handle).receive)
    broker.subscribe(SubscriptionSpec("graves", "dead"), bury)
    broker.publish([outgoing(PROBED), Outgoing("video-probed", b"garbage")])
    assert broker.wait_idle(10)
    assert [item.message for item in seen] == [PROBED]
    assert (seen[0].delivery_attempt, len(dead)) == (1, 1)
    assert len(expected_errors) == spec.max_delivery_attempts
    broker.close()


def test_broker_is_idle_only_after_the_messages_of_its_handlers() -> None:
    """A chain of messages is idle only at its end."""
    broker = MemoryBroker(workers=2)
    ends: list[int] = []

    def forward(_: Mapping[str, str], __: bytes) -> Outcome:
        time.sleep(0.05)
        broker.publish([Outgoing("u", b"{}")] * 3)
        return Outcome.DONE

    def end(_: Mapping[str, str], __: bytes) -> Outcome:
        time.sleep(0.02)
        ends.append(1)
        return Outcome.DONE

    broker.subscribe(QUICK, forward)
    broker.subscribe(SubscriptionSpec("v", "u"), end)
    broker.publish([Outgoing("t", b"{}")])
    assert broker.wait_idle(5)
    assert len(ends) == 3
    broker.close()


def test_broker_stops_all_threads_when_closed() -> None:
    """After closing, no thread remains and no message is accepted."""
    before = threading.active_count()
    broker = MemoryBroker(workers=3)
    broker.subscribe(QUICK, lambda _, __: Outcome.BUSY)
    broker.publish([Outgoing("t", b"{}")])
    broker.close()
    assert threading.active_count() == before
    with pytest.raises(PublishFailed):
        broker.publish([Outgoing("t", b"{}")])


def test_broker_refuses_a_whole_batch_with_an_unknown_topic() -> None:
    """No message of the batch is accepted."""
    calls: list[bytes] = []
    broker = MemoryBroker()

    def keep(_: Mapping[str, str], body: bytes) -> Outcome:
        calls.append(body)
        return Outcome.DONE

    broker.subscribe(QUICK, keep)
    with pytest.raises(PublishFailed, match="nowhere"):
        broker.publish([Outgoing("t", b"{}"), Outgoing("nowhere", b"{}")])
    assert broker.wait_idle(1)
    assert calls == []
    broker.close()


def test_batches_keep_the_limits_of_pubsub() -> None:
    """Each request holds one ordering key and stays within the limits; no message is lost."""
    small = [Outgoing("t", b"%d" % n, ordering_key="ab"[n % 2]) for n in range(2500)]
    large = [Outgoing("t", b"x" * (MAX_BATCH_BYTES // 3)) for _ in range(7)]
    found = list(batches([*small, *large]))
    assert all(len(batch) <= 1000 for batch in found)
    assert all(len({m.ordering_key for m in batch}) == 1 for batch in found)
    assert all(sum(len(m.body) for m in batch) <= MAX_BATCH_BYTES for batch in found)
    flat = [m for batch in found for m in batch]
    assert [m for m in flat if m.ordering_key == "a"] == small[::2]
    assert len(flat) == len(small) + len(large)
