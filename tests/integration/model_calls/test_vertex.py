"""Gemini on Vertex AI: application-default credentials and its wire format, over real HTTP."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.domain.documents import Json
from shared.engines.llm.client import ModelClient
from shared.engines.llm.forms import schema_of
from shared.engines.llm.protocol import Answer, Endpoint, Question, Turn
from shared.errors import LanguageModelUnavailable, Reject, SettingsError
from shared.moments.prompts.answers import Ranking
from tests.support.google.account import write_account
from tests.support.llm.runs import llm_runs, talk
from tests.support.llm.server import Reply, good_moments, moment_numbers
from tests.support.llm.vertex_server import (
    VertexRecord,
    VertexReply,
    vertex_answer,
    vertex_error,
    vertex_server,
)

QUESTION = Question(
    "rank", "You compare.", (Turn("user", "1 | a | b"),), "ranking", schema_of(Ranking)
)


@pytest.fixture(autouse=True)
def no_other_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the credentials of this machine, in the environment and in the home folder."""
    ours = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", *ours):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def gemini(url: str | None, **more: object) -> Iterator[ModelClient]:
    """A client of the server at this URL, closed afterwards."""
    given = {"project": "a-project", "location": "europe-west4", "url": url, **more}
    client = ModelClient(Endpoint("gemini", "gemini-2.5-flash", "vertex", **given))  # type: ignore[arg-type]
    try:
        yield client
    finally:
        client.close()


def ask(
    reply: VertexReply, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: object
) -> tuple[Answer, VertexRecord]:
    """Ask one question of a server that gives this reply."""
    with vertex_server(lambda request: reply) as server:
        account = write_account(folder, f"{server.url}/token")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        for client in gemini(server.url, **more):
            return client.ask(QUESTION, timeout_seconds=20), server
    raise AssertionError


def test_vertex_client_sends_the_question_in_vertex_format(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Project, location, model, schema and token are where Vertex AI expects them."""
    reply = vertex_answer('{"order": [1]}')
    answer, server = ask(reply, tmp_path, monkeypatch, temperature=0.3, answer_tokens=300)
    assert (answer.text, answer.input_tokens, answer.output_tokens) == ('{"order": [1]}', 120, 30)
    assert (answer.refusal, answer.truncated) == (None, False)
    (path,), (body,) = server.paths, server.bodies
    where = "projects/a-project/locations/europe-west4/publishers/google/models/gemini-2.5-flash"
    assert path.endswith(f"{where}:generateContent")
    assert server.authorizations == ["Bearer token-of-google"]
    assert body["systemInstruction"]["parts"] == [{"text": "You compare."}]
    assert body["contents"] == [{"role": "user", "parts": [{"text": "1 | a | b"}]}]
    asked = body["generationConfig"]
    assert (asked["temperature"], asked["maxOutputTokens"]) == (0.3, 300)
    assert asked["responseMimeType"] == "application/json"
    assert asked["responseJsonSchema"]["required"] == ["order"]
    assert "tools" not in body


@pytest.mark.parametrize(
    "reply",
    [
        VertexReply({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}}),
        VertexReply({"candidates": [{"finishReason": "SAFETY", "index": 0}]}),
        VertexReply({"candidates": [{"finishReason": "RECITATION", "index": 0}]}),
    ],
    ids=["blocked question", "safety", "recitation"],
)
def test_vertex_client_reports_a_refusal_when_the_answer_is_blocked(
    reply: VertexReply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A blocked question or answer is a refusal, not an empty answer."""
    answer, _ = ask(reply, tmp_path, monkeypatch)
    assert answer.refusal
    assert answer.text == ""


def test_vertex_client_marks_a_truncated_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that reached the length limit is marked as truncated."""
    answer, _ = ask(vertex_answer('{"order": [', finish="MAX_TOKENS"), tmp_path, monkeypatch)
    assert answer.truncated


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}
BUSY = vertex_error(429, "RESOURCE_EXHAUSTED", "Resource exhausted.")
BUSY.body["error"]["details"] = [RETRY_INFO]


@pytest.mark.parametrize(
    ("reply", "wait"),
    [(BUSY, 17.0), (vertex_error(503, "UNAVAILABLE", "The service is overloaded."), None)],
    ids=["429", "503"],
)
def test_vertex_client_raises_a_transient_error_when_vertex_is_busy(
    reply: VertexReply, wait: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error carries Google's retry delay, and the client itself does not retry."""
    with vertex_server(lambda request: reply) as server:
        account = write_account(tmp_path, f"{server.url}/token")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        for client in gemini(server.url):
            with pytest.raises(LanguageModelUnavailable) as caught:
                client.ask(QUESTION, timeout_seconds=20)
            assert caught.value.retry_after_seconds == wait
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (
            vertex_error(403, "PERMISSION_DENIED", "No aiplatform.endpoints.predict."),
            "model_unauthorized",
        ),
        (vertex_error(404, "NOT_FOUND", "Publisher Model was not found."), "model_not_found"),
        (vertex_error(400, "INVALID_ARGUMENT", "No such schema."), "model_request_rejected"),
    ],
)
def test_vertex_client_rejects_permanent_errors_by_code(
    reply: VertexReply, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forbidden, unknown or invalid request raises Reject with its code."""
    with pytest.raises(Reject) as caught:
        ask(reply, tmp_path, monkeypatch)
    assert caught.value.code == code


def test_vertex_client_asks_for_a_login_when_there_are_no_credentials() -> None:
    """The error is permanent and names the login command."""
    for client in gemini("http://127.0.0.1:9"):
        with pytest.raises(Reject, match="application-default login") as caught:
            client.ask(QUESTION, timeout_seconds=20)
        assert caught.value.code == "model_unauthorized"


def test_prepare_asks_for_a_login_when_credentials_must_name_the_project() -> None:
    """Without a project setting, `prepare` needs credentials to find the project."""
    for client in gemini(None, project=None):
        with pytest.raises(Reject, match="application-default login"):
            client.prepare()


def test_vertex_client_asks_for_the_setting_when_no_project_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If neither the settings nor the account names a project, the error names the setting."""
    account = write_account(tmp_path, "http://127.0.0.1:9/token")
    key = json.loads(account.read_text(encoding="utf-8"))
    del key["project_id"]
    account.write_text(json.dumps(key), encoding="utf-8")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    for client in gemini(None, project=None):
        with pytest.raises(SettingsError, match="VIDEOMOMENTS_PROJECT"):
            client.prepare()
        with pytest.raises(SettingsError, match="VIDEOMOMENTS_PROJECT"):
            client.ask(QUESTION, timeout_seconds=5)


def test_vertex_client_raises_a_transient_error_when_the_token_server_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that cannot be fetched now may be available later."""
    account = write_account(tmp_path, "http://127.0.0.1:9/token")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    for client in gemini("http://127.0.0.1:9"):
        with pytest.raises(LanguageModelUnavailable):
            client.ask(QUESTION, timeout_seconds=5)


def as_chat(request: Json) -> Json:
    """The question in the form that scripts for OpenAI's format read."""
    texts = [part["text"] for turn in request["contents"] for part in turn["parts"]]
    return {"messages": [{"role": "user", "content": text} for text in texts]}


def test_run_completes_on_vertex(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings alone take a run from windows to moments, without an API key."""

    def script(request: Json) -> VertexReply:
        chat = as_chat(request)
        asked = request["generationConfig"]["responseJsonSchema"]["properties"]
        if "order" in asked:
            return vertex_answer(json.dumps({"order": moment_numbers(chat)}))
        reply: Reply = good_moments(chat)
        return vertex_answer(reply.content or "")

    with vertex_server(script) as server:
        account = write_account(tmp_path, f"{server.url}/token")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        with llm_runs(
            database_url,
            tmp_path,
            server.url,
            model="gemini-2.5-flash",
            llm_provider="vertex",
            llm_api_key=None,
            project="a-project",
            llm_refine=False,
            llm_score=False,
        ) as runs:
            assert runs.run(talk(40)).status == "completed"
            assert runs.moments()
            assert {m.generation_model for m in runs.moments()} == {"gemini-2.5-flash"}
    assert all(re.search(r"/models/gemini-2.5-flash:generateContent$", p) for p in server.paths)
    assert server.tokens == 1
