"""What is said where a model gives no answer: in plain words, with the place and no secrets."""

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


def said(url: str) -> str:
    """The message of the error that the client raises at that address."""
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
def test_the_servers_own_message_is_told_without_wrapper(reply: Reply, expected: str) -> None:
    """Its words where it gave some, its status where it gave a page."""
    with llm_server(lambda request: reply) as server:
        assert said(server.url).endswith(expected)


@pytest.mark.parametrize(
    "body",
    [b"<html>A page</html>", b'{"a": ', b"{}", b"[]"],
    ids=["page", "cut off", "empty object", "list"],
)
def test_an_answer_of_another_kind_is_told_as_one(body: bytes) -> None:
    """The server did answer: message and code say that the address is wrong."""
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
def test_who_cannot_be_reached_is_told_with_place_and_cause(url: str, where: str) -> None:
    """Host and port and a few words, nothing secret, under the code of a model that is away."""
    error = raised(url)
    assert where in str(error)
    assert "hush" not in str(error)
    assert error.code == MODEL_UNAVAILABLE


@pytest.mark.parametrize("url", ["127.0.0.1:8000/v1", "localhost", "ftp://a/v1", "http://"])
def test_an_address_that_is_none_is_refused_with_the_settings(url: str) -> None:
    """Before anything is asked, by its variable and with an example."""
    with pytest.raises(
        SettingsError, match=r"VIDEOMOMENTS_LLM_URL: must be a whole address, like http://"
    ):
        load_settings(llm_url=url)


def test_what_is_wrong_with_an_answer_is_told_in_plain_words() -> None:
    """A field that is missing is called missing."""
    (fault,) = read_moments('{"moments": [{}]}')
    assert getattr(fault, "reason", "") == "start_id is missing."
    with pytest.raises(Unreadable, match=r"^order\.0 is not a whole number\.$"):
        read('{"order": ["first"]}', Ranking)
