"""Genuine and forged push tokens at a function's door."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import flask
import pytest

from shared.http.auth.errors import Unauthenticated
from shared.http.auth.oidc import PushVerifier
from shared.http.auth.signing_keys import RemoteKeys
from shared.http.events.target import make_target
from shared.messages.videos import VideoProbed
from shared.messaging.delivery import Delivery, Outcome
from tests.support.http.oidc_tokens import (
    AUDIENCE,
    EMAIL,
    FORGED,
    GOOD,
    KEY,
    OTHER_KEY,
    PAST,
    bearer,
    claims,
    jwk,
    mint,
)


@pytest.fixture(scope="module")
def certs_url() -> Iterator[str]:
    """A key server like Google's."""
    keys = {"keys": [jwk(KEY, "k1"), jwk(OTHER_KEY, "k2"), jwk(KEY, "enc", use="enc")]}

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(keys).encode()
            self.send_response(200)
            self.send_header("Cache-Control", "public, max-age=24442, must-revalidate")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Keep the test's output quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Keys)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/oauth2/v3/certs"
    server.shutdown()
    server.server_close()


def push(certs_url: str, authorization: str | None) -> tuple[int, list[Delivery]]:
    """The status of a push with this header, and the deliveries that reached the handler."""
    reached: list[Delivery] = []

    def handle(delivery: Delivery) -> Outcome:
        reached.append(delivery)
        return Outcome.DONE

    verifier = PushVerifier(AUDIENCE, frozenset({EMAIL}), RemoteKeys(certs_url))
    target = make_target("split_audio", (VideoProbed,), lambda: handle, verifier)
    body = {"pipeline": "p", "video": "v", "generation": "1"}
    headers = {} if authorization is None else {"Authorization": authorization}
    with flask.Flask("t").test_request_context("/", method="POST", json=body, headers=headers):
        return target(flask.request).status_code, reached


@pytest.mark.parametrize("authorization", GOOD.values(), ids=GOOD.keys())
def test_push_verifier_accepts_a_token_like_googles(
    certs_url: str, authorization: Callable[[], str]
) -> None:
    """The push reaches the handler."""
    status, reached = push(certs_url, authorization())
    assert (status, len(reached)) == (204, 1)


@pytest.mark.parametrize(("status", "authorization"), FORGED.values(), ids=FORGED.keys())
def test_push_verifier_refuses_each_forged_token(
    certs_url: str, status: int, authorization: Callable[[], str | None]
) -> None:
    """The handler does not run."""
    assert push(certs_url, authorization()) == (status, [])


def test_push_verifier_does_not_quote_the_token(certs_url: str) -> None:
    """The reason is readable and holds nothing of the token."""
    token = mint(claims(**PAST))
    verifier = PushVerifier(AUDIENCE, frozenset({EMAIL}), RemoteKeys(certs_url))
    with pytest.raises(Unauthenticated, match="has expired") as caught:
        verifier.verify(bearer(token))
    assert not any(part in str(caught.value) for part in token.split("."))


def test_push_is_refused_as_503_when_the_key_server_is_down() -> None:
    """The push comes again later."""
    assert push("http://127.0.0.1:9/certs", bearer(mint())) == (503, [])
