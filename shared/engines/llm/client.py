"""Client for any OpenAI-compatible endpoint, and for Gemini on Vertex AI, through pydantic-ai.

pydantic-ai is imported at the first question. Its clients belong to one event loop, which runs in
its own thread, so stages stay plain functions and may ask from any number of threads.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from shared.engines.llm.protocol import Answer, Endpoint, Question
from shared.errors import LanguageModelUnavailable, SettingsError

if TYPE_CHECKING:
    from pydantic_ai.models import Model, ModelRequestParameters
    from pydantic_ai.settings import ModelSettings

T = TypeVar("T")
_GRACE_SECONDS = 5.0


class ModelClient:
    """A language model at an endpoint. `model` replaces the one made from the endpoint."""

    def __init__(self, endpoint: Endpoint, model: Model | None = None) -> None:
        self._endpoint = endpoint
        self._model = model
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint that this client asks."""
        return self._endpoint

    def prepare(self) -> None:
        """Do the imports and the set-up of the first question (seconds) without connecting.

        Raises SettingsError, and Reject without credentials.
        """
        self._ready_model()

    def ask(self, question: Question, *, timeout_seconds: float) -> Answer:
        """Make one call; only the runtime retries. Raises as the protocol says."""
        # The first import takes seconds, which must not count as waiting for the answer.
        model = self._ready_model()
        from pydantic_ai.exceptions import AgentRunError, ContentFilterError

        from shared.engines.llm.errors import GoogleAuthError, credentials_error, translate_error

        limit = min(timeout_seconds, self._endpoint.timeout_seconds)
        try:
            return self._wait(self._ask(model, question, limit), limit + _GRACE_SECONDS)
        except ContentFilterError as error:
            return Answer("", question.input_tokens, 0, refusal=str(error) or "content filter")
        except AgentRunError as error:
            raise translate_error(error, self._endpoint) from error
        except GoogleAuthError as error:
            raise credentials_error(error, self._endpoint) from error
        except TimeoutError as error:
            raise LanguageModelUnavailable(
                f"The model {self._endpoint.name} did not answer within {limit:.3g} s.",
                may_cost=True,
            ) from error

    def close(self) -> None:
        """Close the connections and end the thread."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None:
            return
        if self._model is not None:
            asyncio.run_coroutine_threadsafe(_close(self._model), loop).result(_GRACE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)

    async def _ask(self, model: Model, question: Question, limit: float) -> Answer:
        from pydantic_ai.direct import model_request

        from shared.engines.llm.wire import to_answer, to_messages

        async with asyncio.timeout(limit):
            response = await model_request(
                model,
                to_messages(question),
                model_settings=self._settings(limit),
                model_request_parameters=self._parameters(question),
                instrument=False,
            )
        return to_answer(response, question)

    def _ready_model(self) -> Model:
        try:
            from shared.engines.llm.wire import make_model
        except ImportError as error:
            raise SettingsError(
                f"The model {self._endpoint.name} needs the client library for language models. "
                "Install it with: pip install 'videomoments[llm]'"
            ) from error
        with self._lock:
            if self._model is None:
                self._model = make_model(self._endpoint)
            return self._model

    def _settings(self, limit: float) -> ModelSettings:
        endpoint = self._endpoint
        settings: dict[str, Any] = {
            "max_tokens": endpoint.answer_tokens,
            "timeout": limit,
            "max_retries": 0,
        }
        for name in ("temperature", "top_p"):
            if (value := getattr(endpoint, name)) is not None:
                settings[name] = value
        if endpoint.top_k is not None:
            # OpenAI has no such field; vLLM, Ollama and others read it from the body.
            openai = endpoint.provider == "openai"
            settings |= (
                {"extra_body": {"top_k": endpoint.top_k}} if openai else {"top_k": endpoint.top_k}
            )
        return settings  # type: ignore[return-value]

    def _parameters(self, question: Question) -> ModelRequestParameters:
        from pydantic_ai.models import ModelRequestParameters
        from pydantic_ai.output import OutputObjectDefinition

        if self._endpoint.output == "text":
            return ModelRequestParameters()
        form = OutputObjectDefinition(
            json_schema=dict(question.schema), name=question.form, strict=True
        )
        mode = self._endpoint.output
        return ModelRequestParameters(
            output_mode="native" if mode == "schema" else "prompted",
            output_object=form,
            prompted_output_template=None if mode == "schema" else False,
        )

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._running_loop())
        try:
            return future.result(seconds)
        finally:
            future.cancel()

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_run, args=(self._loop,), name="language-model", daemon=True
                ).start()
            return self._loop


async def _close(model: Model) -> None:
    client: Any = getattr(model, "client", None)
    for name in ("close", "aclose"):
        if (close := getattr(client, name, None)) is not None and asyncio.iscoroutinefunction(
            close
        ):
            await close()
            return


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
