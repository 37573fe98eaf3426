"""Try a function of a built image: start it like its platform, send one event, end it."""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import time

import psutil

from infra.image.build import Image, entering, say
from shared.messages.base import Message

PORT = 18_080
START_SECONDS = 60.0
END_SECONDS = 10.0


def try_function(
    image: Image, environment: dict[str, str], function: str, message: Message
) -> None:
    """It must start as the image's user behind its PID 1, take the event, and end on SIGTERM.

    Raises `SystemExit` that says what went wrong.
    """
    say(f"Starting {function} as user {image.user}")
    command = [*entering(image.root, image.user), *image.entrypoint, *image.command]
    given = environment | {"FUNCTION_TARGET": function, "PORT": str(PORT), "THREADS": "2"}
    began = time.monotonic()
    process = subprocess.Popen(command, env=given)
    try:
        while not _answers():
            if process.poll() is not None or time.monotonic() - began > START_SECONDS:
                raise SystemExit(f"{function} did not start.")
            time.sleep(0.1)
        say(f"Its start-up probe was answered after {time.monotonic() - began:.1f} s")
        began = time.monotonic()
        status = _push(function, message)
        say(f"The event was answered with {status} after {time.monotonic() - began:.1f} s")
        if status != http.HTTPStatus.NO_CONTENT:
            raise SystemExit("The event was refused.")
        _end(process)
    finally:
        process.kill()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End it like Cloud Run: SIGTERM to its PID 1, then 10 seconds."""
    (first,) = psutil.Process(process.pid).children()
    if "tini" not in first.name():
        raise SystemExit(f"PID 1 is {first.name()}.")
    first.terminate()
    try:
        process.wait(timeout=END_SECONDS)
    except subprocess.TimeoutExpired:
        raise SystemExit("The function did not end when asked to.") from None
    say("Asked to end, it ended")


def _answers() -> bool:
    try:
        return _request("GET", None) == http.HTTPStatus.OK
    except OSError:
        return False


def _push(function: str, message: Message) -> int:
    """Push like Pub/Sub."""
    data = base64.b64encode(message.model_dump_json().encode()).decode()
    body = {
        "message": {"data": data, "messageId": "1", "publishTime": "2026-01-01T00:00:00Z"},
        "subscription": f"projects/rehearsal/subscriptions/{message.topic}.{function}",
    }
    return _request("POST", json.dumps(body))


def _request(method: str, body: str | None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=300)
    try:
        connection.request(method, "/", body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()
