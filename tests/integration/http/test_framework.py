"""Targets served by functions-framework in their own processes, as in the cloud."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.patience import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[3]
MAIN = """
import json
from shared.telemetry import logs
from shared.http.events.target import make_target
from shared.messages.videos import VideoProbed
from shared.messaging.delivery import Outcome

logs.configure("json")
number = 5

def handler(delivery):
    return Outcome.BUSY if delivery.message.video == "busy" else Outcome.DONE

split_audio = make_target(
    "split_audio", (VideoProbed,), lambda: handler, max_body_bytes=1 << 20
)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A main.py with one target."""
    path = tmp_path / "main.py"
    path.write_text(MAIN)
    return path


def command(source: Path, target: str, *options: str) -> list[str]:
    """The framework's command line."""
    module = [sys.executable, "-m", "functions_framework", "--host", "127.0.0.1"]
    return [*module, "--source", str(source), "--target", target, *options]


def environment() -> dict[str, str]:
    """One worker, few threads."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "THREADS": "4"}


@contextmanager
def served(source: Path, *options: str) -> Iterator[str]:
    """The URL of a running function."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        command(source, "split_audio", "--port", str(port), *options), env=environment()
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
                assert response.read() == b"ok"
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError("the function did not come up")


def status(url: str, body: bytes, **headers: str) -> int:
    """The status of a POST's answer."""
    given = {"Content-Type": "application/json", **headers}
    try:
        request = urllib.request.Request(url, body, given)
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


# "cloudevent" by mistake: a registered target stays what it is.
@pytest.mark.parametrize(
    "options", [[], ["--signature-type", "cloudevent"]], ids=["http", "mistake"]
)
def test_served_function_answers_like_its_target(source: Path, options: list[str]) -> None:
    """It acknowledges, refuses and rejects as the target does."""
    with served(source, *options) as url:
        done = b'{"pipeline": "p", "video": "v", "generation": "1"}'
        event = {"ce-id": "1", "ce-source": "s", "ce-specversion": "1.0", "ce-type": "t"}
        assert status(url, done) == 204
        assert status(url, done, **event) == 204
        assert status(url, done.replace(b'"v"', b'"busy"')) == 503
        assert status(url, b"garbage") == 400


@pytest.mark.parametrize("chunked", [False, True], ids=["of a size", "chunked"])
def test_served_function_refuses_a_large_body_and_lives_on(source: Path, chunked: bool) -> None:
    """It refuses a body over the limit without reading it all."""
    with served(source) as url:
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE_SECONDS)
        connection.putrequest("POST", "/")
        connection.putheader("Content-Type", "application/json")
        if chunked:
            connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            connection.send(b"200000\r\n" + b" " * 0x110000)  # and the rest never comes
        else:
            connection.putheader("Content-Length", str(1 << 40))
            connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()
        assert status(url, b'{"pipeline": "p", "video": "v", "generation": "1"}') == 204


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("split_audi", "expected to contain a function named 'split_audi'. Found: 'handler'"),
        ("number", "needs to be of type function. Got: invalid type <class 'int'>"),
        ("json", "needs to be of type function. Got: invalid type <class 'module'>"),
    ],
)
def test_framework_ends_at_start_for_an_unknown_target(
    source: Path, target: str, reason: str
) -> None:
    """The process says why."""
    ended = subprocess.run(
        command(source, target, "--port", "0"),
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert ended.returncode != 0
    assert reason in ended.stderr
