"""The client on pydantic-ai's own test models: its requests, and its reading of the answers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic_ai.exceptions import ContentFilterError
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel
from pydantic_ai.profiles import ModelProfile

from shared.engines.llm.client import ModelClient
from shared.engines.llm.forms import schema_of
from shared.engines.llm.protocol import Endpoint, Question, Turn, request_json
from shared.engines.llm.wire import make_model
from shared.errors import LanguageModelUnavailable, Reject, SettingsError
from shared.moments.prompts.answers import Ranking
from tests.support.patience import PATIENCE_SECONDS

ENDPOINT = Endpoint("test", "test-model", temperature=0.1, top_p=0.9, timeout_seconds=1.0)
QUESTION = Question("rank", "Be brief.", (Turn("user", "Which?"),), "ranking", schema_of(Ranking))
PROFILE = ModelProfile(supports_json_schema_output=True, supports_json_object_output=True)
Function = Callable[[list[ModelMessage], AgentInfo], ModelResponse | Awaitable[ModelResponse]]
Clients = Callable[..., ModelClient]


@pytest.fixture
def client() -> Iterator[Clients]:
    """Makes clients and closes them at the end."""
    made: list[ModelClient] = []

    def make(function: Function, endpoint: Endpoint = ENDPOINT) -> ModelClient:
        made.append(ModelClient(endpoint, FunctionModel(function, profile=PROFILE)))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_client_sends_prompt_schema_and_parameters(client: Clients) -> None:
    """The model receives system prompt, question, schema and parameters, and no tool."""
    seen: list[tuple[list[ModelMessage], AgentInfo]] = []

    def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        seen.append((messages, info))
        return ModelResponse(parts=[TextPart('{"order": [1]}')])

    found = client(answer).ask(QUESTION.with_repair("what?", "Again."), timeout_seconds=30)
    assert found.text == '{"order": [1]}'
    ((messages, info),) = seen
    contents = [part.content for message in messages for part in message.parts]  # type: ignore[union-attr]
    assert contents == ["Be brief.", "Which?", "what?", "Again."]
    assert (info.function_tools, info.output_tools) == ([], [])
    output = info.model_request_parameters.output_object
    assert output is not None
    assert output.json_schema == dict(schema_of(Ranking))
    settings = dict(info.model_settings or {})
    assert settings["temperature"] == 0.1
    assert settings["top_p"] == 0.9
    assert settings["max_tokens"] == 4096
    assert settings["max_retries"] == 0


def test_client_takes_only_text_as_an_answer(client: Clients) -> None:
    """A call of an unknown tool is ignored, and thoughts are not an answer."""
    response = ModelResponse(
        parts=[ThinkingPart("hm"), TextPart("{}"), ToolCallPart("delete_video", {"sure": True})]
    )
    found = client(lambda *_: response).ask(QUESTION, timeout_seconds=5)
    assert found.text == "{}"


def test_client_reads_the_answer_of_pydantic_ais_test_model() -> None:
    """Its made-up text arrives, with its tokens counted."""
    client = ModelClient(Endpoint("test", "test", output="text"), TestModel())
    try:
        found = client.ask(QUESTION, timeout_seconds=5)
        assert found.text
        assert found.input_tokens > 0
        assert found.output_tokens > 0
    finally:
        client.close()


@pytest.mark.parametrize(
    ("reason", "truncated", "refused"),
    [("stop", False, False), ("length", True, False), ("content_filter", False, True)],
)
def test_client_reports_how_the_answer_ended(
    client: Clients, reason: str, truncated: bool, refused: bool
) -> None:
    """An answer is whole, cut off or withheld."""
    response = ModelResponse(parts=[TextPart("{}")], finish_reason=reason)  # type: ignore[arg-type]
    found = client(lambda *_: response).ask(QUESTION, timeout_seconds=5)
    assert (found.truncated, found.refusal is not None) == (truncated, refused)


def test_client_reports_a_refusal_when_a_filter_raises(client: Clients) -> None:
    """Some providers raise an error instead of returning a filtered answer."""

    def blocked(*_: object) -> ModelResponse:
        raise ContentFilterError("blocked by policy")

    assert client(blocked).ask(QUESTION, timeout_seconds=5).refusal == "blocked by policy"


def test_client_stops_waiting_at_the_shorter_time_limit() -> None:
    """The shorter of the endpoint's and the caller's limit holds, and the request is cancelled."""

    async def never(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        await asyncio.sleep(60)
        raise AssertionError("not stopped")

    client = ModelClient(ENDPOINT, FunctionModel(never, profile=PROFILE))
    try:
        with pytest.raises(LanguageModelUnavailable, match=r"within 0\.2 s"):
            client.ask(QUESTION, timeout_seconds=0.2)
    finally:
        client.close()


def test_client_serves_many_threads_at_once(client: Clients) -> None:
    """One client handles all requests in parallel."""
    together = threading.Barrier(4, timeout=PATIENCE_SECONDS)

    async def answer(*_: object) -> ModelResponse:
        await asyncio.to_thread(together.wait)
        return ModelResponse(parts=[TextPart("{}")])

    asked = client(answer, Endpoint("t", "t"))
    with ThreadPoolExecutor(4) as pool:
        futures = [
            pool.submit(asked.ask, QUESTION, timeout_seconds=PATIENCE_SECONDS) for _ in range(4)
        ]
        assert [future.result().text for future in futures] == ["{}"] * 4


def test_endpoint_hides_its_key() -> None:
    """Neither a printed endpoint nor a recorded request contains the key."""
    endpoint = Endpoint("n", "m", url="http://127.0.0.1:1/v1", api_key="hush")
    assert "hush" not in repr(endpoint)
    assert "hush" not in str(request_json(endpoint, QUESTION))


def test_make_model_names_the_setting_when_the_address_is_missing() -> None:
    """The error names VIDEOMOMENTS_LLM_URL."""
    with pytest.raises(SettingsError, match="VIDEOMOMENTS_LLM_URL"):
        make_model(Endpoint("n", "m"))


def test_client_reports_a_transient_error_when_no_server_listens() -> None:
    """A server that is down may be up later."""
    client = ModelClient(Endpoint("n", "m", url="http://127.0.0.1:9/v1"))
    try:
        with pytest.raises(LanguageModelUnavailable):
            client.ask(QUESTION, timeout_seconds=5)
    except Reject:
        pytest.fail("a server that is down must not be a Reject")
    finally:
        client.close()


def test_make_model_uses_the_accounts_credentials_for_gemini(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Vertex AI gets project and location, and no API key even if the environment has one."""
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    anonymous = AnonymousCredentials()  # type: ignore[no-untyped-call]
    monkeypatch.setattr(google.auth, "default", lambda *a, **k: (anonymous, "p"))
    monkeypatch.setenv("GOOGLE_API_KEY", "not-this")
    endpoint = Endpoint("g", "gemini-x", provider="vertex", project="p", location="europe-west4")
    model = make_model(endpoint)
    inner = model.client._api_client  # type: ignore[attr-defined]
    assert (inner.vertexai, inner.project, inner.location) == (True, "p", "europe-west4")
    assert inner.api_key is None
    assert model.model_name == "gemini-x"
