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
from tests.support.llm.server import Reply, good_moments, items_of
from tests.support.llm.vertex_server import VertexRecord, VertexReply, failed, spoken, vertex_server

QUESTION = Question(
    "rank", "You compare.", (Turn("user", "1 | a | b"),), "ranking", schema_of(Ranking)
)


@pytest.fixture(autouse=True)
def no_other_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None of this machine's: neither in the environment nor in a home folder."""
    ours = ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT")
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", *ours):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def gemini(url: str | None, **more: object) -> Iterator[ModelClient]:
    """A client of the server at that address, closed afterwards."""
    given = {"project": "a-project", "location": "europe-west4", "url": url, **more}
    client = ModelClient(Endpoint("gemini", "gemini-2.5-flash", "vertex", **given))  # type: ignore[arg-type]
    try:
        yield client
    finally:
        client.close()


def ask(
    reply: VertexReply, folder: Path, monkeypatch: pytest.MonkeyPatch, **more: object
) -> tuple[Answer, VertexRecord]:
    """One question, answered so."""
    with vertex_server(lambda request: reply) as server:
        account = write_account(folder, f"{server.url}/token")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
        for client in gemini(server.url, **more):
            return client.ask(QUESTION, timeout_seconds=20), server
    raise AssertionError


def test_a_question_is_asked_in_vertex_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Project, location, model and schema in place; a token by the application's credentials."""
    reply = spoken('{"order": [1]}')
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
def test_what_is_blocked_is_a_refusal(
    reply: VertexReply, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an empty answer nor an error that passes."""
    answer, _ = ask(reply, tmp_path, monkeypatch)
    assert answer.refusal
    assert answer.text == ""


def test_an_answer_cut_off_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit on its length is told from a bad answer."""
    answer, _ = ask(spoken('{"order": [', finish="MAX_TOKENS"), tmp_path, monkeypatch)
    assert answer.truncated


RETRY_INFO = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17s"}
BUSY = failed(429, "RESOURCE_EXHAUSTED", "Resource exhausted.")
BUSY.body["error"]["details"] = [RETRY_INFO]


@pytest.mark.parametrize(
    ("reply", "wait"),
    [(BUSY, 17.0), (failed(503, "UNAVAILABLE", "The service is overloaded."), None)],
    ids=["429", "503"],
)
def test_what_passes(
    reply: VertexReply, wait: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Transient, with the wait Google asks for, and asked once: trying again is the runtime's."""
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
            failed(403, "PERMISSION_DENIED", "No aiplatform.endpoints.predict."),
            "model_unauthorized",
        ),
        (failed(404, "NOT_FOUND", "Publisher Model was not found."), "model_not_found"),
        (failed(400, "INVALID_ARGUMENT", "No such schema."), "model_request_rejected"),
    ],
)
def test_what_never_passes_is_named(
    reply: VertexReply, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permanent, by its code."""
    with pytest.raises(Reject) as caught:
        ask(reply, tmp_path, monkeypatch)
    assert caught.value.code == code


def test_without_credentials_it_says_how_to_get_them() -> None:
    """Permanent and named: trying again finds none either."""
    for client in gemini("http://127.0.0.1:9"):
        with pytest.raises(Reject, match="application-default login") as caught:
            client.ask(QUESTION, timeout_seconds=20)
        assert caught.value.code == "model_unauthorized"


def test_what_is_missing_is_said_before_anything_is_asked() -> None:
    """A client that is made ready needs credentials where they have to name the project, too."""
    for client in gemini(None, project=None):
        with pytest.raises(Reject, match="application-default login"):
            client.prepare()


def test_credentials_without_a_project_need_the_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the setting nor the account names one: the setting is named."""
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


def test_a_server_of_tokens_that_is_away_may_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that cannot be had now are no reason to give up for good."""
    account = write_account(tmp_path, "http://127.0.0.1:9/token")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    for client in gemini("http://127.0.0.1:9"):
        with pytest.raises(LanguageModelUnavailable):
            client.ask(QUESTION, timeout_seconds=5)


def as_chat(request: Json) -> Json:
    """The question as the scripts for OpenAI's format read it."""
    texts = [part["text"] for turn in request["contents"] for part in turn["parts"]]
    return {"messages": [{"role": "user", "content": text} for text in texts]}


def test_a_whole_run_on_vertex(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From windows to moments, by settings alone and without a key of ours."""

    def script(request: Json) -> VertexReply:
        chat = as_chat(request)
        asked = request["generationConfig"]["responseJsonSchema"]["properties"]
        if "order" in asked:
            return spoken(json.dumps({"order": items_of(chat)}))
        reply: Reply = good_moments(chat)
        return spoken(reply.content or "")

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
