"""`doctor` and language models: what is wrong with an endpoint is said before a run finds it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, insert

from cli.doctor.checks import Check
from cli.doctor.cloud.google_rest import GoogleRest, NoCredentials
from cli.doctor.model_listing import list_models_of
from cli.doctor.models import check_models
from cli.local.home import Home
from shared.db.models import ModelConfig
from shared.settings.settings import Settings, load_settings
from tests.support.google.account import write_account

KEY = "the-right-key"
Answer = tuple[int, bytes]


def listed(*names: str) -> bytes:
    """A list of models, as the API gives it."""
    return json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()


@contextmanager
def served(answer: Callable[[str, str | None], Answer]) -> Iterator[str]:
    """The URL of a server on the loopback; `answer` is told the path and the authorization."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def with_key(path: str, authorization: str | None) -> Answer:
    """An endpoint that has two models, for who has the key."""
    if path != "/v1/models":
        return 404, b""
    return (200, listed("qwen", "other")) if authorization == f"Bearer {KEY}" else (401, b"{}")


def checks(home: Path, **settings: Any) -> list[Check]:
    """What is found, without any database; what is wrong has a remedy."""
    found = list(check_models(Settings(**settings), Home(home)))
    assert all(check.remedy for check in found if check.state != "ok"), found
    assert KEY not in str(found)
    return found


def only(found: list[Check]) -> tuple[str, str]:
    """The one check's state and finding."""
    (check,) = found
    return check.state, check.found


def test_without_a_model_nothing_is_wrong(tmp_path: Path) -> None:
    """The method without a model needs none."""
    assert only(checks(tmp_path))[0] == "ok"
    assert only(checks(tmp_path, model="extractive"))[0] == "ok"


def test_an_endpoint_that_is_well(tmp_path: Path) -> None:
    """Reachable, the key accepted, the model there."""
    with served(with_key) as url:
        found = checks(tmp_path, model="qwen", llm_url=url, llm_api_key=SecretStr(KEY))
    assert only(found) == ("ok", f"qwen at {url}: the key is accepted")


@pytest.mark.parametrize("key", [None, SecretStr("a wrong one")])
def test_a_key_that_is_refused(tmp_path: Path, key: SecretStr | None) -> None:
    """None, or a wrong one: a problem, with the setting to correct."""
    with served(with_key) as url:
        (check,) = checks(tmp_path, model="qwen", llm_url=url, llm_api_key=key)
    assert check.state == "problem"
    assert "refuses" in check.found
    assert "VIDEOMOMENTS_LLM_API_KEY" in check.remedy


def test_a_list_that_is_open_to_all_proves_no_key(tmp_path: Path) -> None:
    """It is said that the key was not proven; where none is given, that none is needed."""
    with served(lambda *_: (200, listed("qwen"))) as url:
        found = checks(tmp_path, model="qwen", llm_url=url, llm_api_key=SecretStr(KEY))
        assert "not proven" in only(found)[1]
        assert "no key is needed" in only(checks(tmp_path, model="qwen", llm_url=url))[1]


def test_a_model_that_is_not_there(tmp_path: Path) -> None:
    """A warning with the names of those that are."""
    with served(with_key) as url:
        found = checks(tmp_path, model="qwem", llm_url=url, llm_api_key=SecretStr(KEY))
    assert only(found) == ("warning", f"{url} does not list qwem; it lists qwen, other")


@pytest.mark.parametrize(
    ("answer", "state", "said"),
    [
        ((404, b"nothing"), "warning", "lists no models (404)"),
        ((200, b"<html>"), "warning", "lists no models (200)"),
        ((200, b"[1]"), "warning", "lists no models (200)"),
        ((503, b""), "problem", "answers 503"),
        ((429, b""), "problem", "answers 429"),
    ],
)
def test_other_answers(tmp_path: Path, answer: Answer, state: str, said: str) -> None:
    """Another server, a wrong path, an endpoint that is not ready."""
    with served(lambda *_: answer) as url:
        found = only(checks(tmp_path, model="qwen", llm_url=url))
    assert (found[0], said in found[1]) == (state, True)


def test_the_key_goes_nowhere_else(tmp_path: Path) -> None:
    """An endpoint that points elsewhere is not followed there."""
    seen: list[str | None] = []

    def elsewhere(path: str, authorization: str | None) -> Answer:
        seen.append(authorization)
        return 200, listed("qwen")

    with served(elsewhere) as other, served(lambda *_: (302, f"{other}/models".encode())) as url:
        found = checks(tmp_path, model="qwen", llm_url=url, llm_api_key=SecretStr(KEY))
    assert (only(found)[0], seen) == ("warning", [])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://[::1"])
def test_an_address_of_no_server_is_not_asked(url: str) -> None:
    """A model's row may hold one; the settings take none."""
    assert "no http:// or https://" in (list_models_of(url, None).unreachable or "")


def test_an_endpoint_that_is_not_there(tmp_path: Path) -> None:
    """Nobody listens: a problem in one line."""
    url = "http://127.0.0.1:9/v1"
    state, found = only(checks(tmp_path, model="qwen", llm_url=url))
    assert state == "problem"
    assert url in found


def test_a_model_without_an_address_and_an_address_without_a_model(tmp_path: Path) -> None:
    """Each is told what is missing."""
    state, found = only(checks(tmp_path, model="qwen"))
    assert (state, found) == ("problem", "nothing says where it is")
    state, found = only(checks(tmp_path, llm_url="http://127.0.0.1:9/v1"))
    assert (state, "no model is named" in found) == ("warning", True)


def test_the_named_models_of_the_database(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every row is checked, with a key of its own."""
    monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY_OURS", KEY)
    with served(with_key) as url:
        rows = [
            {"name": "mine", "model": "qwen", "url": url, "api_key_name": "ours"},
            {"name": "gone", "model": "qwen", "url": "http://127.0.0.1:9/v1"},
        ]
        with engine.begin() as connection:
            for row in rows:
                connection.execute(insert(ModelConfig).values(provider="openai", **row))
        found = checks(tmp_path, database_url=SecretStr(database_url))
    assert [(check.name, check.state) for check in found] == [
        ("language model gone", "problem"),
        ("language model mine", "ok"),
    ]


def test_a_database_that_is_not_migrated_is_not_asked(
    empty_database_url: str, tmp_path: Path
) -> None:
    """The setting's model is checked all the same."""
    url = SecretStr(empty_database_url)
    found = checks(tmp_path, database_url=url, model="qwen", llm_url="http://127.0.0.1:9/v1")
    assert only(found)[0] == "problem"


@pytest.mark.parametrize(
    ("answer", "state"),
    [((200, b"{}"), "ok"), ((404, b"{}"), "warning"), ((403, b"{}"), "problem")],
)
def test_gemini_on_vertex_ai(tmp_path: Path, answer: Answer, state: str) -> None:
    """The model is there, is not, or the account may not ask."""
    import requests

    asked: list[str] = []

    def answered(path: str, authorization: str | None) -> Answer:
        asked.append(path)
        return answer

    settings = Settings(model="gemini-2.5-flash", llm_provider="vertex", project="ours")
    with served(answered) as url, requests.Session() as session:
        rest = GoogleRest(session, url, sleep=lambda seconds: None)
        (check,) = check_models(settings, Home(tmp_path), connect=lambda project: rest)
    assert (check.state, bool(check.remedy)) == (state, state != "ok")
    assert asked == [
        "/v1/us-central1-aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-flash"
    ]


def test_gemini_without_a_login(tmp_path: Path) -> None:
    """It is a problem, and the remedy is to log in."""

    def refuse(project: str | None) -> GoogleRest:
        raise NoCredentials("There are none.")

    settings = Settings(model="gemini-2.5-flash", llm_provider="vertex", project="ours")
    (check,) = check_models(settings, Home(tmp_path), connect=refuse)
    assert check.state == "problem"
    assert "login" in check.remedy


def test_geminis_project_is_the_logins_own_where_none_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the client does; where nobody names one, that is the problem."""
    for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    account = write_account(tmp_path, "http://127.0.0.1:9/token")
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    settings = Settings(model="gemini-2.5-flash", llm_provider="vertex")
    asked: list[str | None] = []

    def refuse(project: str | None) -> GoogleRest:
        asked.append(project)
        raise NoCredentials("There are none.")

    (check,) = check_models(settings, Home(tmp_path), connect=refuse)
    assert asked == ["a-project"]
    assert "project a-project" in check.found
    key = json.loads(account.read_text(encoding="utf-8"))
    account.write_text(json.dumps({**key, "project_id": None}), encoding="utf-8")
    (check,) = check_models(settings, Home(tmp_path), connect=refuse)
    assert (check.state, check.remedy) == ("problem", "Set VIDEOMOMENTS_PROJECT.")
    assert asked == ["a-project"]


def test_a_key_with_a_line_break(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At its end, where a shell put it, it does no harm; within, the key is not told."""
    with served(with_key) as url:
        monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY", f"{KEY}\n")
        (check,) = check_models(load_settings(model="qwen", llm_url=url), Home(tmp_path))
        assert (check.state, check.found.endswith("the key is accepted")) == ("ok", True)
        monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY", f"{KEY}\nmore")
        (check,) = check_models(load_settings(model="qwen", llm_url=url), Home(tmp_path))
    assert check.state == "problem"
    assert "the key has characters" in check.found
    assert KEY not in check.found + check.remedy
