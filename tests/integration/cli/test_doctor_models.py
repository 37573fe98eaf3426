"""`doctor` and language models: it reports a broken endpoint before a run meets it."""

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


def model_list(*names: str) -> bytes:
    """The API's list of these models."""
    return json.dumps({"object": "list", "data": [{"id": name} for name in names]}).encode()


@contextmanager
def model_server(answer: Callable[[str, str | None], Answer]) -> Iterator[str]:
    """The URL of a server on the loopback; `answer` gets the path and the Authorization header."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def models_for_key(path: str, authorization: str | None) -> Answer:
    """Answer as an endpoint with two models that requires the key."""
    if path != "/v1/models":
        return 404, b""
    return (200, model_list("qwen", "other")) if authorization == f"Bearer {KEY}" else (401, b"{}")


def model_checks(home: Path, **settings: Any) -> list[Check]:
    """The checks of the models; each that is not ok has a remedy, and none shows the key."""
    found = list(check_models(Settings(**settings), Home(home)))
    assert all(check.remedy for check in found if check.state != "ok"), found
    assert KEY not in str(found)
    return found


def single_result(found: list[Check]) -> tuple[str, str]:
    """The state and the finding of the only check."""
    (check,) = found
    return check.state, check.found


def test_check_models_is_ok_when_no_model_is_set(tmp_path: Path) -> None:
    """The extractive method needs no model."""
    assert single_result(model_checks(tmp_path))[0] == "ok"
    assert single_result(model_checks(tmp_path, model="extractive"))[0] == "ok"


def test_check_models_is_ok_when_the_endpoint_accepts_the_key(tmp_path: Path) -> None:
    """The server answers, accepts the key and lists the model."""
    with model_server(models_for_key) as url:
        found = model_checks(tmp_path, model="qwen", llm_url=url, llm_api_key=SecretStr(KEY))
    assert single_result(found) == ("ok", f"qwen at {url}: the key is accepted")


@pytest.mark.parametrize("key", [None, SecretStr("a wrong one")])
def test_check_models_reports_a_refused_key(tmp_path: Path, key: SecretStr | None) -> None:
    """A missing or wrong key is a problem, and the remedy names the setting."""
    with model_server(models_for_key) as url:
        (check,) = model_checks(tmp_path, model="qwen", llm_url=url, llm_api_key=key)
    assert check.state == "problem"
    assert "refuses" in check.found
    assert "VIDEOMOMENTS_LLM_API_KEY" in check.remedy


def test_check_models_does_not_vouch_for_the_key_when_the_list_is_public(tmp_path: Path) -> None:
    """The finding says that the key is not verified, or that none is needed."""
    with model_server(lambda *_: (200, model_list("qwen"))) as url:
        found = model_checks(tmp_path, model="qwen", llm_url=url, llm_api_key=SecretStr(KEY))
        assert "not verified" in single_result(found)[1]
        assert (
            "no key is needed"
            in single_result(model_checks(tmp_path, model="qwen", llm_url=url))[1]
        )


def test_check_models_warns_when_the_server_does_not_list_the_model(tmp_path: Path) -> None:
    """The warning names the models that the server does list."""
    with model_server(models_for_key) as url:
        found = model_checks(tmp_path, model="qwem", llm_url=url, llm_api_key=SecretStr(KEY))
    assert single_result(found) == ("warning", f"{url} does not list qwem; it lists qwen, other")


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
def test_check_models_reports_unusable_answers(
    tmp_path: Path, answer: Answer, state: str, said: str
) -> None:
    """A server without a list of models is a warning; a busy or broken one is a problem."""
    with model_server(lambda *_: answer) as url:
        found = single_result(model_checks(tmp_path, model="qwen", llm_url=url))
    assert (found[0], said in found[1]) == (state, True)


def test_check_models_does_not_follow_a_redirect(tmp_path: Path) -> None:
    """The key never reaches the other server."""
    seen: list[str | None] = []

    def elsewhere(path: str, authorization: str | None) -> Answer:
        seen.append(authorization)
        return 200, model_list("qwen")

    with (
        model_server(elsewhere) as other,
        model_server(lambda *_: (302, f"{other}/models".encode())) as url,
    ):
        found = model_checks(tmp_path, model="qwen", llm_url=url, llm_api_key=SecretStr(KEY))
    assert (single_result(found)[0], seen) == ("warning", [])


@pytest.mark.parametrize("url", ["file:///etc/passwd", "http://[::1"])
def test_list_models_rejects_an_address_that_is_not_http(url: str) -> None:
    """A row may hold any text as its address; only http:// and https:// are requested."""
    assert "not an http:// or https://" in (list_models_of(url, None).unreachable or "")


def test_check_models_reports_an_unreachable_endpoint(tmp_path: Path) -> None:
    """The problem names the address."""
    url = "http://127.0.0.1:9/v1"
    state, found = single_result(model_checks(tmp_path, model="qwen", llm_url=url))
    assert state == "problem"
    assert url in found


def test_check_models_names_the_missing_half_of_model_and_address(tmp_path: Path) -> None:
    """A model without an address is a problem; an address without a model is a warning."""
    state, found = single_result(model_checks(tmp_path, model="qwen"))
    assert (state, found) == ("problem", "no address is set for it")
    state, found = single_result(model_checks(tmp_path, llm_url="http://127.0.0.1:9/v1"))
    assert (state, "no model is named" in found) == ("warning", True)


def test_check_models_checks_every_row_of_the_database(
    engine: Engine, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each row is checked with its own key."""
    monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY_OURS", KEY)
    with model_server(models_for_key) as url:
        rows = [
            {"name": "mine", "model": "qwen", "url": url, "api_key_name": "ours"},
            {"name": "gone", "model": "qwen", "url": "http://127.0.0.1:9/v1"},
        ]
        with engine.begin() as connection:
            for row in rows:
                connection.execute(insert(ModelConfig).values(provider="openai", **row))
        found = model_checks(tmp_path, database_url=SecretStr(database_url))
    assert [(check.name, check.state) for check in found] == [
        ("language model gone", "problem"),
        ("language model mine", "ok"),
    ]


def test_check_models_checks_the_settings_when_the_database_is_not_migrated(
    empty_database_url: str, tmp_path: Path
) -> None:
    """The model of the settings is checked although the table of models is missing."""
    url = SecretStr(empty_database_url)
    found = model_checks(tmp_path, database_url=url, model="qwen", llm_url="http://127.0.0.1:9/v1")
    assert single_result(found)[0] == "problem"


@pytest.mark.parametrize(
    ("answer", "state"),
    [((200, b"{}"), "ok"), ((404, b"{}"), "warning"), ((403, b"{}"), "problem")],
)
def test_check_models_reports_what_vertex_answers(
    tmp_path: Path, answer: Answer, state: str
) -> None:
    """Gemini is available, unknown, or forbidden to this account."""
    import requests

    asked: list[str] = []

    def answered(path: str, authorization: str | None) -> Answer:
        asked.append(path)
        return answer

    settings = Settings(model="gemini-2.5-flash", llm_provider="vertex", project="ours")
    with model_server(answered) as url, requests.Session() as session:
        rest = GoogleRest(session, url, sleep=lambda seconds: None)
        (check,) = check_models(settings, Home(tmp_path), connect=lambda project: rest)
    assert (check.state, bool(check.remedy)) == (state, state != "ok")
    assert asked == [
        "/v1/us-central1-aiplatform.googleapis.com/v1/publishers/google/models/gemini-2.5-flash"
    ]


def test_check_models_asks_for_a_login_when_gemini_has_no_credentials(tmp_path: Path) -> None:
    """The check is a problem, and its remedy is to log in."""

    def refuse(project: str | None) -> GoogleRest:
        raise NoCredentials("There are none.")

    settings = Settings(model="gemini-2.5-flash", llm_provider="vertex", project="ours")
    (check,) = check_models(settings, Home(tmp_path), connect=refuse)
    assert check.state == "problem"
    assert "login" in check.remedy


def test_check_models_takes_geminis_project_from_the_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check uses the login's project, like the client; a login without one is a problem."""
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


def test_check_models_tolerates_a_line_break_only_at_the_end_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trailing line break is ignored; one inside the key is a problem that hides the key."""
    with model_server(models_for_key) as url:
        monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY", f"{KEY}\n")
        (check,) = check_models(load_settings(model="qwen", llm_url=url), Home(tmp_path))
        assert (check.state, check.found.endswith("the key is accepted")) == ("ok", True)
        monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY", f"{KEY}\nmore")
        (check,) = check_models(load_settings(model="qwen", llm_url=url), Home(tmp_path))
    assert check.state == "problem"
    assert "the key contains forbidden characters" in check.found
    assert KEY not in check.found + check.remedy
