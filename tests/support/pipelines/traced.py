"""The small pipeline of `pipelines` behind its topics, each delivery as a push request."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from shared.http.events.intake import Intake
from shared.messages.base import Message
from shared.messages.videos import VideoUploaded
from shared.messaging.delivery import Outcome
from shared.messaging.in_process.parcel import Parcel, push_body
from shared.messaging.outgoing import outgoing
from shared.messaging.protocol import Outgoing
from shared.messaging.traced import TracedPublisher
from shared.storage.router import StorageRouter
from tests.support.pipelines.pipelines import World

HEADERS = {"Content-Type": "application/json"}


class Topics:
    """Delivers the world's messages on demand, in this thread. Can lose them, too."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.publisher = TracedPublisher(world.publisher)
        world.context.publisher = self.publisher
        world.context.storage = StorageRouter(folder_root=folder / "buckets")
        self._intakes = {
            function.name: Intake(
                function.name, function.consumes, partial(world.runtime.handler, function)
            )
            for function in world.context.topology.functions
        }

    def drop(self, folder: Path) -> VideoUploaded:
        """Upload a file, and return its event."""
        path = folder / "talk.mp4"
        path.write_bytes(b"a video")
        stat = self.world.storage.upload(path, f"{self.world.context.upload_url}/talk.mp4")
        return VideoUploaded(source_url=stat.url, generation=stat.generation)

    def begin(self, folder: Path) -> None:
        """Publish the event of a dropped file."""
        self.publish(self.drop(folder))

    def publish(self, message: Message) -> None:
        """Publish like an outsider."""
        self.publisher.publish([outgoing(message)])

    def lose(self) -> int:
        """Lose all published messages. Returns their number."""
        return len(self.world.publisher.take())

    def deliver(self, sent: Outgoing) -> list[Outcome]:
        """Deliver once to each of the topic's subscriptions."""
        outcomes = []
        for subscription in self.world.context.topology.subscriptions:
            if subscription.topic == sent.topic:
                body = push_body(Parcel(subscription.name, sent, "7"))
                outcomes.append(self._intakes[subscription.function].receive(HEADERS, body))
        return outcomes

    def step(self) -> list[Outcome]:
        """Deliver published messages once, without those that follow."""
        return [outcome for sent in self.world.publisher.take() for outcome in self.deliver(sent)]

    def drain(self) -> None:
        """Deliver published messages and all that follow."""
        while self.step():
            pass
