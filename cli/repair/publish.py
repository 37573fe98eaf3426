"""`videomoments publish`: publish a message by hand."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from pydantic import ValidationError
from rich.console import Console

from cli.local.cloud import local_cloud
from cli.local.dev_note import DEFAULT_PROJECT, find_running
from cli.local.home import Home
from functions.main import TOPOLOGY
from functions.wiring import publisher_from
from shared.errors import MalformedMessage
from shared.messages.base import Message
from shared.messaging.delivery import DeadLetter
from shared.messaging.outgoing import outgoing
from shared.messaging.protocol import Publisher
from shared.messaging.pubsub.publisher import PubSubPublisher
from shared.settings.settings import Settings


def publish_message(settings: Settings, home: Home, topic: str, text: str) -> int:
    """Check the message and publish it. Raises `MalformedMessage` that says what is wrong."""
    message = read_message(topic, text)
    stderr = Console(stderr=True)
    publisher = reachable_publisher(settings, home)
    if publisher is not None:
        _send(publisher, message)
        stderr.print(f"Published on {topic}.", highlight=False)
        return 0

    def say(line: str) -> None:
        stderr.print(line, highlight=False, markup=False)

    with local_cloud(settings, home, on_notice=say, on_wait=say) as cloud:
        _send(cloud.broker, message)
        cloud.broker.wait_idle()
    say(f"Published on {topic}. To see the result: videomoments status")
    return 0


def reachable_publisher(settings: Settings, home: Home) -> Publisher | None:
    """The environment's broker, else that of a `dev` on this data folder; None without either."""
    if "PUBSUB_EMULATOR_HOST" in os.environ:
        return PubSubPublisher(settings.project or DEFAULT_PROJECT)
    running = find_running(home.running)
    if running is not None and settings.project in (None, running.project):
        return running.publisher()
    return publisher_from(settings) if settings.project is not None else None


def read_message(topic: str, text: str) -> Message:
    """Parse the message that a person wrote. Raises `MalformedMessage`."""
    contracts: Mapping[str, type[Message]] = TOPOLOGY.messages
    contract = contracts.get(topic)
    if contract is None or contract is DeadLetter:
        known = ", ".join(name for name in contracts if name != TOPOLOGY.dead_letter_topic)
        raise MalformedMessage(f"There is no topic {topic!r}. There are: {known}.")
    try:
        return contract.model_validate(json.loads(text))
    except json.JSONDecodeError as error:
        raise MalformedMessage(f"This is not JSON: {error}.") from None
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in problem['loc']) or topic}: {problem['msg']}"
            for problem in error.errors()
        )
        raise MalformedMessage(problems) from None


def _send(publisher: Publisher, message: Message) -> None:
    publisher.publish([outgoing(message)])
