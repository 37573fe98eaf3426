"""Topics inside one process that behave like Pub/Sub: at least once, backoff, dead letters.

The broker delivers the JSON body of a push request, so one machine uses the same contracts and
envelopes as the real broker.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from shared.errors import PublishFailed
from shared.messaging.delivery import Outcome
from shared.messaging.in_process.parcel import Parcel, backoff_seconds, dead_letter, push_body
from shared.messaging.outgoing import with_trace
from shared.messaging.protocol import Outgoing
from shared.messaging.pubsub.provision import SubscriptionSpec

PushEndpoint = Callable[[Mapping[str, str], bytes], Outcome]
CLOSE_SECONDS = 10.0
"""Closing the broker gives running deliveries this long to end, as Cloud Run does."""
_HEADERS = {"Content-Type": "application/json"}

log = structlog.get_logger(__name__)


class MemoryBroker:
    """A `Publisher` whose worker threads deliver to the subscriptions' endpoints.

    An endpoint acknowledges by returning an acknowledged `Outcome`. After any other outcome or an
    exception the broker redelivers with a growing pause; after `max_delivery_attempts` the message
    goes to the dead-letter topic. `clock` gives seconds; call `wake()` after moving a fake one.
    """

    def __init__(
        self, *, workers: int = 4, clock: Callable[[], float] = time.monotonic, jitter: float = 0.2
    ) -> None:
        self._clock = clock
        self._jitter = jitter
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._topics: dict[str, list[str]] = {}
        self._subscriptions: dict[str, tuple[SubscriptionSpec, PushEndpoint]] = {}
        self._due: list[tuple[float, int, Parcel]] = []
        self._ordered: dict[tuple[str, str], deque[Parcel]] = {}
        self._pending = 0
        self._numbers = itertools.count(1)
        self._closed = False

    def create_topic(self, name: str) -> None:
        """Declare the topic. Like Pub/Sub, it drops messages while it has no subscription."""
        with self._changed:
            self._topics.setdefault(name, [])

    def subscribe(self, spec: SubscriptionSpec, endpoint: PushEndpoint) -> None:
        """Deliver the topic's messages from now on; the same name again replaces the endpoint."""
        with self._changed:
            names = self._topics.setdefault(spec.topic, [])
            if spec.dead_letter_topic:
                self._topics.setdefault(spec.dead_letter_topic, [])
            if spec.name not in names:
                names.append(spec.name)
            self._subscriptions[spec.name] = (spec, endpoint)

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Take all of the messages, or none and raise `PublishFailed` if a topic does not exist."""
        with self._changed:
            if self._closed:
                raise PublishFailed("The broker is closed.")
            unknown = sorted({m.topic for m in messages} - self._topics.keys())
            if unknown:
                raise PublishFailed(f"No such topic: {', '.join(unknown)}")
            for message in messages:
                self._enqueue(with_trace(message))
            self._start()
            self._changed.notify_all()

    def _enqueue(self, message: Outgoing) -> None:
        message_id = str(next(self._numbers))
        for name in self._topics[message.topic]:
            spec, _ = self._subscriptions[name]
            parcel = Parcel(name, message, message_id)
            self._pending += 1
            if spec.ordered and message.ordering_key:
                line = self._ordered.setdefault((name, message.ordering_key), deque())
                line.append(parcel)
                if len(line) > 1:
                    continue
            self._schedule(parcel, self._clock())

    def _schedule(self, parcel: Parcel, due: float) -> None:
        heapq.heappush(self._due, (due, next(self._numbers), parcel))

    def _start(self) -> None:
        while len(self._threads) < self._workers:
            name = f"broker-{len(self._threads)}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (parcel := self._next()) is not None:
            spec, endpoint = self._subscriptions[parcel.subscription]
            acknowledged = _deliver(parcel, endpoint)
            with self._changed:
                self._settle(parcel, spec, acknowledged)
                self._changed.notify_all()

    def _next(self) -> Parcel | None:
        """Wait for the next parcel that is due; None once closed."""
        with self._changed:
            while not self._closed:
                pause = self._due[0][0] - self._clock() if self._due else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(pause)
            return None

    def _settle(self, parcel: Parcel, spec: SubscriptionSpec, acknowledged: bool) -> None:
        spent = parcel.attempt >= spec.max_delivery_attempts
        if not acknowledged and not (spent and spec.dead_letter_topic):
            pause = backoff_seconds(spec, parcel.attempt, self._jitter)
            self._schedule(parcel.next_attempt(), self._clock() + pause)
            return
        if not acknowledged and spec.dead_letter_topic:
            self._enqueue(dead_letter(parcel, spec.dead_letter_topic))
        self._pending -= 1
        line = self._ordered.get((parcel.subscription, parcel.message.ordering_key or ""))
        if line and line[0].message_id == parcel.message_id:
            line.popleft()
            if line:
                self._schedule(line[0], self._clock())

    def wake(self) -> None:
        """Read the clock again."""
        with self._changed:
            self._changed.notify_all()

    def wait_idle(self, timeout_seconds: float | None = None) -> bool:
        """Wait until nothing is queued, delayed or running; False if that took too long."""
        with self._changed:
            return self._changed.wait_for(lambda: self._pending == 0, timeout_seconds)

    def close(self, timeout_seconds: float = CLOSE_SECONDS) -> None:
        """Finish running deliveries, drop the rest, end the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))


def _deliver(parcel: Parcel, endpoint: PushEndpoint) -> bool:
    try:
        return endpoint(_HEADERS, push_body(parcel)).acknowledged
    except Exception as error:
        log.warning(
            "delivery refused",
            subscription=parcel.subscription,
            attempt=parcel.attempt,
            reason=f"{type(error).__name__}: {error}",
        )
        return False
