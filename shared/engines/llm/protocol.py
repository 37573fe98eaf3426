"""The protocol of a language model: a question goes in, text and token counts come out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from shared.domain.documents import Json
from shared.domain.tokens import estimate_tokens

Provider = Literal["openai", "vertex"]
OutputForm = Literal["schema", "json", "text"]
Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a model and the settings for its questions. Rows store `name`.

    `output` says how the form of the answer is enforced: by a JSON schema, as any JSON, or by the
    prompt alone. Prices are for a million tokens, in any currency; None if unknown.
    """

    name: str
    model: str
    provider: Provider = "openai"
    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    project: str | None = None
    location: str = "us-central1"
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    output: OutputForm = "schema"
    context_tokens: int = 32_768
    answer_tokens: int = 4096
    timeout_seconds: float = 120.0
    input_price: float | None = None
    output_price: float | None = None

    def cost(self, input_tokens: int, output_tokens: int) -> float | None:
        """The cost of that many tokens; None if the prices are unknown."""
        if self.input_price is None or self.output_price is None:
            return None
        return (input_tokens * self.input_price + output_tokens * self.output_price) / 1e6


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """A conversation that asks for an answer. `schema` is the JSON schema of the form `form`."""

    operation: str
    system: str
    turns: tuple[Turn, ...]
    form: str
    schema: Mapping[str, Any]

    def with_repair(self, answer: str, request: str) -> Question:
        """The same question, followed by its unusable answer and the request to repair it."""
        turns = (*self.turns, Turn("assistant", answer), Turn("user", request))
        return Question(self.operation, self.system, turns, self.form, self.schema)

    @property
    def input_tokens(self) -> int:
        """An estimate that errs on the high side."""
        return estimate_tokens(self.system) + sum(estimate_tokens(t.text) for t in self.turns)


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer. `refusal` is the reason if the model or its filter refused.

    `truncated`: the answer reached the limit on its length. Tokens are the server's own count.
    """

    text: str
    input_tokens: int
    output_tokens: int
    truncated: bool = False
    refusal: str | None = None


class LanguageModel(Protocol):
    """One model at one endpoint. Safe to use from many threads."""

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint of the model."""
        ...

    def ask(self, question: Question, *, timeout_seconds: float) -> Answer:
        """Make one call. Raises LanguageModelUnavailable (transient) or Reject."""
        ...


def request_json(endpoint: Endpoint, question: Question) -> Json:
    """Everything that decides an answer, without the API key. Records are found again by it."""
    return {
        "model": endpoint.model,
        "provider": endpoint.provider,
        "url": endpoint.url,
        "temperature": endpoint.temperature,
        "top_p": endpoint.top_p,
        "top_k": endpoint.top_k,
        "max_tokens": endpoint.answer_tokens,
        "output": endpoint.output,
        "form": question.form,
        "messages": [
            {"role": "system", "content": question.system},
            *({"role": turn.role, "content": turn.text} for turn in question.turns),
        ],
    }
