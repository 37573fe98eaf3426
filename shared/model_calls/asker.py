"""Ask a model from a stage: within the budget, on record, and each question only once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.db.models import AiRequest
from shared.db.text import json_without_unstorable
from shared.domain.names import digest_of
from shared.engines.llm.forms import Unreadable, repair_request
from shared.engines.llm.protocol import Answer, Endpoint, LanguageModel, Question, request_json
from shared.error_codes.runs import NO_TIME_LEFT
from shared.errors import LanguageModelUnavailable, Reject
from shared.model_calls import budget as ai_requests
from shared.model_calls.budget import budget_of, estimate_spending, is_over_budget
from shared.pipeline.job import Job
from shared.telemetry import spans
from shared.telemetry.span import Value

T = TypeVar("T")
MARGIN_SECONDS = 10.0
"""The time reserved for the work after the last answer."""


class ModelRefusal(Exception):
    """The model refused to answer; the message gives its reason."""


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """An answer and the id of its `ai_requests` row."""

    answer: Answer
    request_id: int


class Asker:
    """Asks a run's model for one stage run. Safe to use from many threads."""

    def __init__(self, job: Job, subject: str, endpoint: Endpoint) -> None:
        self.job = job
        self.endpoint = endpoint
        self._subject = subject
        self._lock = threading.Lock()
        self._model: LanguageModel | None = None

    def converse(
        self, question: Question, read: Callable[[str], T], *, too_long: str = ""
    ) -> tuple[T, RecordedAnswer, Question]:
        """Ask, and ask once more if `read` cannot parse the answer.

        Returns the parsed answer, its record, and the question that it answers. Raises
        `ModelRefusal`, and `Unreadable` if the second answer cannot be parsed either.
        """
        asked = self.ask(question)
        try:
            return self._read(asked, read), asked, question
        except Unreadable as error:
            fault = f"It was cut off. {too_long}" if asked.answer.truncated else str(error)
            first = error
        second = question.with_repair(asked.answer.text[:2000], repair_request(fault.strip()))
        try:
            again = self.ask(second)
        except Reject as reject:
            if is_over_budget(reject):
                raise first from reject
            raise
        return self._read(again, read), again, second

    def ask_and_read(
        self, question: Question, read: Callable[[str], T]
    ) -> tuple[T, RecordedAnswer]:
        """Ask once and parse. Raises as `ask`, and `Unreadable`, which it records."""
        asked = self.ask(question)
        return self._read(asked, read), asked

    def _read(self, asked: RecordedAnswer, read: Callable[[str], T]) -> T:
        try:
            return read(asked.answer.text)
        except Unreadable as error:
            self.note(asked, {"unreadable": str(error)})
            raise

    def ask(self, question: Question) -> RecordedAnswer:
        """Ask once, or return the recorded answer to the same question.

        Raises `ModelRefusal`, Reject, or a transient error.
        """
        request = request_json(self.endpoint, question)
        request_hash = digest_of(request)
        context, run_id = self.job.context, self.job.run.id
        with context.session() as session:
            before = ai_requests.answered_before(session, run_id, request_hash)
        if before is not None:
            return RecordedAnswer(
                Answer(before.response or "", before.input_tokens, before.output_tokens), before.id
            )
        wanted = estimate_spending(self.endpoint, question)
        row = AiRequest(
            run_id=run_id,
            stage=self.job.stage.name,
            subject=self._subject,
            operation=question.operation,
            model=self.endpoint.name,
            request=json_without_unstorable(request),
            request_hash=request_hash,
            outcome="reserved",
            input_tokens=wanted.input_tokens,
            output_tokens=wanted.output_tokens,
            cost=wanted.cost,
        )
        with context.session() as session, session.begin():
            ai_requests.reserve(session, row, budget_of(self.job.settings))
        return RecordedAnswer(self._call(question, row.id), row.id)

    def _call(self, question: Question, request_id: int) -> Answer:
        began = time.monotonic()
        try:
            answer = self._answer(question)
        except BaseException as error:
            # A call that may have cost money keeps its estimate, so that the budget holds.
            may_cost = isinstance(error, LanguageModelUnavailable) and error.may_cost
            no_cost = {"input_tokens": 0, "output_tokens": 0, "cost": None}
            self._settle(
                request_id,
                outcome="failed",
                error_message=f"{type(error).__name__}: {error}"[:1000],
                duration_seconds=round(time.monotonic() - began, 3),
                **({} if may_cost else no_cost),
            )
            raise
        cost = self.endpoint.cost(answer.input_tokens, answer.output_tokens)
        self._settle(
            request_id,
            outcome="refused" if answer.refusal is not None else "answered",
            response=answer.text,
            error_message=answer.refusal,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
            cost=cost,
            duration_seconds=round(time.monotonic() - began, 3),
        )
        with self._lock:
            self.job.add_metric("tokens", answer.input_tokens + answer.output_tokens)
            self.job.add_metric("input_tokens", answer.input_tokens)
            self.job.add_metric("output_tokens", answer.output_tokens)
            self.job.add_metric("cost", cost or 0.0)
        if answer.refusal is not None:
            raise ModelRefusal(answer.refusal)
        return answer

    def _answer(self, question: Question) -> Answer:
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": self.endpoint.name,
            "videomoments.operation": question.operation,
        }
        with spans.span(f"chat {self.endpoint.name}", attributes, kind="client") as span:
            answer = self._language_model().ask(question, timeout_seconds=self._remaining_seconds())
            span.set(input_tokens=answer.input_tokens, output_tokens=answer.output_tokens)
            return answer

    def note(self, asked: RecordedAnswer, parse_result: dict[str, Any]) -> None:
        """Record the result of parsing an answer."""
        with self.job.context.session() as session, session.begin():
            ai_requests.note_parse(session, asked.request_id, json_without_unstorable(parse_result))

    def _settle(self, request_id: int, **values: Any) -> None:
        with self.job.context.session() as session, session.begin():
            ai_requests.settle(session, request_id, **values)

    def _language_model(self) -> LanguageModel:
        with self._lock:
            if self._model is None:
                self._model = self.job.context.llm(self.endpoint)
            return self._model

    def _remaining_seconds(self) -> float:
        remaining = self.job.remaining_seconds - MARGIN_SECONDS
        if remaining < 1:
            raise LanguageModelUnavailable(
                "No time was left to ask the model; its earlier answers are kept.",
                code=NO_TIME_LEFT,
            )
        return remaining
