"""The messages when a model gives no answer: plain words, the address and no secrets."""

from __future__ import annotations

import pytest

from shared.engines.llm.client import ModelClient
from shared.engines.llm.forms import Unreadable, read, schema_of
from shared.engines.llm.protocol import Endpoint, Question, Turn
from shared.error_codes.models import MODEL_PROTOCOL_UNKNOWN, MODEL_UNAVAILABLE
from shared.errors import LanguageModelUnavailable, Reject, SettingsError, VideoMomentsError
from shared.moments.prompts.answers import Ranking, read_moments
from shared.settings.settings import load_settings
from tests.support.llm.server import Reply, llm_server

QUESTION = Question("rank", "Be brief.", (Turn("user", "Which?"),), "ranking", schema_of(Ranking))
LIBRARIES = ("status_code", "body:", "pydantic.dev", "validation error", "Connection error")


def reason_of(url: str) -> str:
    """The message of the error that the client raises for that address."""
    return str(raised(url))


def raised(url: str) -> VideoMomentsError:
    """The error that the client raises at that address; its text quotes no library."""
    client = ModelClient(Endpoint("x", "x", url=url, timeout_seconds=10))
    try:
        with pytest.raises((LanguageModelUnavailable, Reject)) as caught:
            client.ask(QUESTION, timeout_seconds=10)
    finally:
        client.close()
    text = str(caught.value)
    assert not [word for word in LIBRARIES if word in text], text
    return caught.value


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (Reply("The key is old", status=401), "API_KEY): The key is old"),
        (Reply("No room", status=400), "does not accept the request: No room"),
        (Reply(status=422, body=b'{"detail": "no field"}'), "accept the request: no field"),
        (Reply(status=404, body=b"<h1>nothing</h1>"), "another address (HTTP status 404)"),
        (Reply(status=502, body=b"<html>bad gateway</html>"), "no answer (HTTP status 502)"),
    ],
    ids=["401", "400", "detail", "404 page", "502 page"],
)
def test_reason_quotes_the_servers_own_message(reply: Reply, expected: str) -> None:
    """It holds the server's words, or the status if the server answered with a page."""
    with llm_server(lambda request: reply) as server:
        assert reason_of(server.url).endswith(expected)


@pytest.mark.parametrize(
    "body",
    [b"<html>A page</html>", b'{"a": ', b"{}", b"[]"],
    ids=["page", "cut off", "empty object", "list"],
)
def test_reason_points_at_the_address_when_the_answer_is_not_a_models(body: bytes) -> None:
    """The server did answer, so the message and explain both ask to check the address."""
    with llm_server(lambda request: Reply(body=body)) as server:
        error = raised(server.url)
    assert "answered, but not in the OpenAI protocol" in str(error)
    assert "VIDEOMOMENTS_LLM_URL" in str(error)
    assert error.code == MODEL_PROTOCOL_UNKNOWN


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://me:hush@127.0.0.1:9/v1?key=hush", "at 127.0.0.1:9: the connection was refused"),
        ("http://no.such.host.invalid/v1", "at no.such.host.invalid: the name does not resolve"),
        ("127.0.0.1:9/v1", "the address must begin with http:// or https://"),
    ],
)
def test_reason_names_host_and_cause_when_the_server_is_unreachable(url: str, where: str) -> None:
    """It holds host, port and cause, no secret, and the command that tests that model."""
    error = raised(url)
    assert where in str(error)
    assert "hush" not in str(error)
    assert error.code == MODEL_UNAVAILABLE


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "localhost", "ftp://a/v1", "http://"])
def test_endpoint_is_refused_with_its_setting_when_the_address_is_malformed(url: str) -> None:
    """The message names the variable and gives an example, before any request."""
    with pytest.raises(
        SettingsError, match=r"VIDEOMOMENTS_LLM_URL: must be a complete URL, such as http://"
    ):
        load_settings(llm_url=url)


def test_reason_describes_a_malformed_answer_in_plain_words() -> None:
    """A missing field is called missing."""
    (fault,) = read_moments('{"moments": [{}]}')
    assert getattr(fault, "reason", "") == "start_id is missing."
    with pytest.raises(Unreadable, match=r"^order\.0 is not a whole number\.$"):
        read('{"order": ["first"]}', Ranking)
