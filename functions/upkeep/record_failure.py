"""dead-letters → a row in the ledger, where people see the failure."""

from __future__ import annotations

import json

import structlog
from pydantic import ValidationError

from shared.db.text import without_unstorable
from shared.error_codes.runs import DEAD_LETTER, MALFORMED_MESSAGE
from shared.messages.base import Message, PipelineMessage
from shared.messaging.delivery import DeadLetter
from shared.pipeline.context import Context
from shared.pipeline.ledger.fail import record_orphan
from shared.pipeline.stage import Resources, task
from shared.pipeline.topology import Topology

_log = structlog.get_logger(__name__)
MAX_TEXT = 4000


@task(
    does="recording a dead letter",
    consumes=[DeadLetter],
    resources=Resources(timeout_seconds=60, memory_mib=512, concurrency=8),
)
def record_failure(message: DeadLetter, context: Context) -> None:
    """Record a message that no function could read.

    A readable message of a run already has a row in the ledger, and the sweep publishes it again. A
    message that was refused too often because its worker was busy is not a failure.
    """
    function = _function_name(message, context.topology)
    read = _read(message, context.topology)
    if isinstance(read, PipelineMessage):
        _log.warning(
            "dead letter left to the sweep",
            stage=function,
            pipeline=read.pipeline,
            topic=read.topic,
        )
        return
    reason = (
        "The message is well formed, but was never handled."
        if read is not None
        else "No function could read this message. Correct it and publish it again."
    )
    with context.session() as session, session.begin():
        record_orphan(
            session,
            stage=function,
            subject=message.subject,
            topic=_topic(message),
            message={"text": without_unstorable(message.text)[:MAX_TEXT]},
            code=DEAD_LETTER if read is not None else MALFORMED_MESSAGE,
            text=f"{reason} Delivered {message.delivery_count or 'several'} times.",
        )
    _log.warning("dead letter recorded", stage=function, message_id=message.message_id)


def _topic(message: DeadLetter) -> str:
    """The topic that the message came from: subscriptions are named `topic.function`."""
    return (message.source_subscription or message.topic).rpartition("/")[2].partition(".")[0][:100]


def _function_name(message: DeadLetter, topology: Topology) -> str:
    name = (message.source_subscription or "").rpartition("/")[2].partition(".")[2]
    known = {function.name for function in topology.functions}
    return name if name in known else "record_failure"


def _read(message: DeadLetter, topology: Topology) -> Message | None:
    contract = topology.messages.get(_topic(message))
    if contract is None or contract is DeadLetter:
        return None
    try:
        return contract.model_validate(json.loads(message.text))
    except (ValidationError, ValueError):
        return None
