"""From one request to one answer, without a web framework: the same for HTTP and in-process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import NoReturn

import structlog

from shared.errors import MalformedMessage
from shared.http.events.decode import Contracts, decode
from shared.messaging.delivery import Delivery, Handler, Ignored, Outcome, worst
from shared.telemetry import measures, spans
from shared.telemetry.span import Value

log = structlog.get_logger(__name__)


class Intake:
    """Decodes a stage's requests and passes each delivery to the stage's handler.

    Makes the handler at the first delivery, once per process, never at import.
    """

    def __init__(
        self, name: str, consumes: Contracts, handler_factory: Callable[[], Handler]
    ) -> None:
        self.name = name
        self.consumes = consumes
        self._handler_factory = handler_factory
        self._handler: Handler | None = None
        self._lock = threading.Lock()

    def receive(self, headers: Mapping[str, str], body: bytes) -> Outcome:
        """The worst outcome of the request's deliveries. Raises only `MalformedMessage`."""
        try:
            found = decode(headers, body, self.consumes)
        except MalformedMessage as error:
            log.error("message malformed", stage=self.name, reason=str(error), bytes=len(body))
            raise
        return worst([self._handle_item(item) for item in found])

    def _handle_item(self, item: Delivery | Ignored) -> Outcome:
        if isinstance(item, Ignored):
            fields = {"stage": self.name, "message_id": item.message_id}
            log.info("event ignored", reason=item.reason, **fields)
            return Outcome.IGNORED
        with ExitStack() as stack:
            # Comes first, because it also starts the recording of spans.
            handler = self._handler_or_failure()
            span = stack.enter_context(
                spans.delivery(self.name, self._span_attributes(item), item.trace)
            )
            stack.enter_context(structlog.contextvars.bound_contextvars(**self._log_fields(item)))
            outcome = self._handle(item, handler)
            span.set(outcome=outcome.value)
            measures.count_delivery(self.name, outcome.value)
            return outcome

    def _span_attributes(self, item: Delivery) -> dict[str, Value]:
        """The attributes that a delivery's span has from the beginning."""
        return {
            "videomoments.stage": self.name,
            "videomoments.subject": item.message.subject,
            "videomoments.pipeline": getattr(item.message, "pipeline", None),
            "messaging.operation.type": "process",
            "messaging.destination.name": item.message.topic,
            "messaging.message.id": item.message_id,
            "messaging.delivery_attempt": item.delivery_attempt,
        }

    def _log_fields(self, item: Delivery) -> dict[str, object]:
        fields = {
            "stage": self.name,
            "pipeline": getattr(item.message, "pipeline", None),
            "subject": item.message.subject,
            "topic": item.message.topic,
            "message_id": item.message_id,
            "delivery_attempt": item.delivery_attempt,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _handle(self, item: Delivery, handler: Handler) -> Outcome:
        started = time.monotonic()
        try:
            outcome = handler(item)
        except Exception:
            log.exception("delivery failed")
            return Outcome.RETRY
        seconds = round(time.monotonic() - started, 3)
        report = log.info if outcome.acknowledged else log.warning
        report("delivery handled", outcome=outcome.value, duration_seconds=seconds)
        return outcome

    def _handler_or_failure(self) -> Handler:
        """The handler; if it cannot be made, one that raises the reason."""
        try:
            return self._make_handler()
        except Exception as error:
            return partial(_fail, error)

    def _make_handler(self) -> Handler:
        if self._handler is None:
            with self._lock:
                if self._handler is None:
                    self._handler = self._handler_factory()
        return self._handler


def _fail(error: Exception, _: Delivery) -> NoReturn:
    raise error
