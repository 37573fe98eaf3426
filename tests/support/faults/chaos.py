"""A broker that does, by a seed, everything that at-least-once delivery allows.

It duplicates, delays and shuffles messages, drops acknowledgements, delivers again while the first
delivery is at work, refuses to publish, and loses its topics on demand. It delivers the bodies of
push requests, so that envelopes are read as behind the real broker.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from shared.errors import MalformedMessage, PublishFailed
from shared.messaging.delivery import Outcome
from shared.messaging.in_process.parcel import Parcel, dead_letter, push_body
from shared.messaging.protocol import Outgoing
from shared.messaging.pubsub.provision import SubscriptionSpec

Endpoint = Callable[[Mapping[str, str], bytes], Outcome]
_HEADERS = {"Content-Type": "application/json"}
_WAIT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Chaos:
    """Shares of messages or deliveries that go wrong, 0 to 1."""

    most_copies: int = 1
    delayed: float = 0.0
    dropped_acks: float = 0.0
    while_running: float = 0.0
    refused_publishes: float = 0.0
    shuffled: bool = True


CALM = Chaos(shuffled=False)
STORM = Chaos(
    most_copies=5, delayed=0.1, dropped_acks=0.1, while_running=0.1, refused_publishes=0.02
)


class ChaosBroker:
    """A `Publisher`. Only `run` delivers.

    `faults` counts injected faults, `outcomes` the answers. `backoff_seconds`: the growing
    pause of a deliverer after each failed attempt at a message.
    """

    def __init__(self, chaos: Chaos, seed: int, *, backoff_seconds: float = 0.0) -> None:
        self.chaos = chaos
        self.faults: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.published: Counter[tuple[str, bytes]] = Counter()
        self.away = False
        self._random = random.Random(seed)
        self._backoff_seconds = backoff_seconds
        self._changed = threading.Condition()
        self._subscriptions: dict[str, tuple[SubscriptionSpec, Endpoint]] = {}
        self._ready: list[Parcel] = []
        self._delayed: list[Parcel] = []
        self._refused: list[Parcel] = []
        self._at_work = 0
        self._moved = True

    @property
    def deliveries(self) -> int:
        """The number of answered deliveries."""
        return self.outcomes.total()

    @property
    def waiting(self) -> int:
        """The number of messages neither acknowledged nor at work."""
        with self._changed:
            return len(self._ready) + len(self._delayed) + len(self._refused)

    def subscribe(self, spec: SubscriptionSpec, endpoint: Endpoint) -> None:
        """From now on, deliver the topic's messages to the endpoint."""
        self._subscriptions[spec.name] = (spec, endpoint)

    def subscriptions(self) -> list[tuple[SubscriptionSpec, Endpoint]]:
        """Each subscription with its endpoint."""
        return list(self._subscriptions.values())

    def reroute(self, carry: Callable[[str], Endpoint]) -> None:
        """Deliver elsewhere: to the endpoint that `carry` gives for each function's name."""
        for name, (spec, _) in self._subscriptions.items():
            self._subscriptions[name] = (spec, carry(name.rpartition(".")[2]))

    def publish(self, messages: Sequence[Outgoing]) -> None:
        """Take each message once or more often, or none: `PublishFailed`."""
        with self._changed:
            if self.away or self._happens(self.chaos.refused_publishes):
                self.faults["refused publish"] += 1
                raise PublishFailed("The broker is away.")
            for message in messages:
                self.published[(message.topic, message.body)] += 1
                copies = self._random.randint(1, self.chaos.most_copies)
                self.faults["duplicate"] += copies - 1
                for spec, _ in self._subscriptions.values():
                    if spec.topic == message.topic:
                        for _ in range(copies):
                            self._take_in(Parcel(spec.name, message, str(self._random.random())))
            self._moved = True
            self._changed.notify_all()

    def lose_everything(self) -> int:
        """Forget all waiting messages, like a deleted broker. Returns their number."""
        with self._changed:
            lost = len(self._ready) + len(self._delayed) + len(self._refused)
            self._ready, self._delayed, self._refused = [], [], []
            self.faults["lost with its topic"] += lost
            return lost

    def run(self, workers: int, *, most: int | None = None, until: float | None = None) -> int:
        """Deliver in so many threads until nothing moves. Returns the number of deliveries.

        `most`: stop after about so many. `until`: continue to that `time.monotonic()`, even if
        nothing moves.
        """
        before = self.deliveries
        last = None if most is None else before + most

        def work() -> None:
            while (last is None or self.deliveries < last) and (parcel := self._next(until)):
                outcome = Outcome.RETRY
                try:
                    outcome = self._deliver(parcel)
                finally:
                    self._settle(parcel, outcome)

        if workers == 1:
            work()
            return self.deliveries - before
        with ThreadPoolExecutor(workers, thread_name_prefix="worker") as pool:
            for future in [pool.submit(work) for _ in range(workers)]:
                future.result()
        return self.deliveries - before

    def deliver_one(self, place: int, *, keep: bool = False) -> Outcome | None:
        """Deliver the message at that index (modulo their number) in this thread.

        `keep`: it stays, to be delivered again. None if there is none.
        """
        with self._changed:
            self._ready += self._delayed + self._refused
            self._delayed, self._refused = [], []
            if not self._ready:
                return None
            parcel = self._ready.pop(place % len(self._ready))
            if keep:
                self.faults["duplicate"] += 1
                self._ready.append(parcel)
            self._at_work += 1
        outcome = Outcome.RETRY
        try:
            outcome = self._deliver(parcel)
        finally:
            self._settle(parcel, outcome)
        return outcome

    def function_of(self, place: int) -> str | None:
        """The function to which `deliver_one` would deliver that message."""
        with self._changed:
            waiting = self._ready + self._delayed + self._refused
        if not waiting:
            return None
        return waiting[place % len(waiting)].subscription.rpartition(".")[2]

    def _take_in(self, parcel: Parcel) -> None:
        if self._happens(self.chaos.delayed):
            self.faults["delayed"] += 1
            self._delayed.append(parcel)
        else:
            self._ready.append(parcel)

    def _happens(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def _next(self, until: float | None) -> Parcel | None:
        with self._changed:
            while until is None or time.monotonic() < until:
                if self._ready:
                    return self._take_out()
                if self._delayed:
                    self._ready, self._delayed = self._delayed, []
                elif self._refused and self._moved:
                    self._ready, self._refused, self._moved = self._refused, [], False
                elif self._at_work == 0 and until is None:
                    return None
                else:
                    self._moved = self._moved or until is not None
                    self._changed.wait(_WAIT_SECONDS)
            return None

    def _take_out(self) -> Parcel:
        shuffled = self.chaos.shuffled
        parcel = self._ready.pop(self._random.randrange(len(self._ready)) if shuffled else 0)
        if self._happens(self.chaos.while_running):
            self.faults["redelivered while running"] += 1
            self._ready.append(parcel)
        self._at_work += 1
        return parcel

    def _deliver(self, parcel: Parcel) -> Outcome:
        _, endpoint = self._subscriptions[parcel.subscription]
        try:
            return endpoint(_HEADERS, push_body(parcel))
        except (MalformedMessage, ConnectionError, EOFError):
            return Outcome.RETRY

    def _settle(self, parcel: Parcel, outcome: Outcome) -> None:
        if outcome is Outcome.RETRY and self._backoff_seconds:
            time.sleep(self._backoff_seconds * parcel.attempt)
        with self._changed:
            self.outcomes[outcome.value] += 1
            self._at_work -= 1
            spec, _ = self._subscriptions[parcel.subscription]
            if outcome is not Outcome.BUSY:
                self._moved = True
            if outcome.acknowledged:
                if self._happens(self.chaos.dropped_acks):
                    self.faults["dropped acknowledgement"] += 1
                    self._refused.append(parcel.next_attempt())
            elif parcel.attempt < spec.max_delivery_attempts:
                self._refused.append(parcel.next_attempt())
            elif spec.dead_letter_topic is not None:
                self.faults["dead letter"] += 1
                dead = dead_letter(parcel, spec.dead_letter_topic)
                for other, _ in self._subscriptions.values():
                    if other.topic == dead.topic:
                        self._ready.append(Parcel(other.name, dead, parcel.message_id))
            self._changed.notify_all()
