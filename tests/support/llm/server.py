"""A scripted server on the loopback that speaks OpenAI's chat completions."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.domain.documents import Json

LINE = re.compile(r"^(\d+) \| (\d+) \| (.*)$", re.MULTILINE)
ITEM = re.compile(r"^(\d+) \| ([^|]*) \| (.*)$", re.MULTILINE)


@dataclass(slots=True)
class Reply:
    """The reply to one call. `content` is the message; `body` replaces the whole body."""

    content: str | None = None
    status: int = 200
    finish_reason: str = "stop"
    refusal: str | None = None
    delay_seconds: float = 0.0
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


Script = Callable[[Json], Reply]


@dataclass(slots=True)
class ServerRecord:
    """The server's requests in order, and the largest number of concurrent calls."""

    url: str = ""
    requests: list[Json] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0

    def requests_for(self, form: str) -> list[Json]:
        """The requests for answers of this form."""
        return [request for request in self.requests if form_of(request) == form]


@contextmanager
def llm_server(script: Script) -> Iterator[ServerRecord]:
    """A server that runs while the block does."""
    recorded, lock, now = ServerRecord(), threading.Lock(), [0]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                recorded.requests.append(request)
                recorded.headers.append({k.lower(): v for k, v in self.headers.items()})
                now[0] += 1
                recorded.most_at_once = max(recorded.most_at_once, now[0])
            try:
                reply = script(request)
                time.sleep(reply.delay_seconds)
            finally:
                with lock:
                    now[0] -= 1
            body = reply.body if reply.body is not None else _body(request, reply)
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Ignore clients that hung up early."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    recorded.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield recorded
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _body(request: Json, reply: Reply) -> bytes:
    if reply.status != 200:
        error = {"message": reply.content or "no", "type": "error", "code": None}
        return json.dumps({"error": error}).encode()
    asked = sum(len(message["content"]) for message in request["messages"])
    message = {"role": "assistant", "content": reply.content, "refusal": reply.refusal}
    choice = {"index": 0, "finish_reason": reply.finish_reason, "message": message}
    answered = len(reply.content or "") // 4 + 1
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": request["model"],
            "choices": [choice],
            "usage": {
                "prompt_tokens": asked // 4,
                "completion_tokens": answered,
                "total_tokens": asked // 4 + answered,
            },
        }
    ).encode()


def form_of(request: Json) -> str:
    """The form of the answer: moments, ranking, moment or scoring."""
    schema = request.get("response_format", {}).get("json_schema", {})
    return str(schema.get("name", ""))


def user_text(request: Json) -> str:
    """The user's first message."""
    return next(str(m["content"]) for m in request["messages"] if m["role"] == "user")


def sentences_of(request: Json) -> list[tuple[int, float, str]]:
    """The number, the start in seconds and the text of each sentence in the prompt."""
    return [(int(n), float(s), text) for n, s, text in LINE.findall(user_text(request))]


def moment_numbers(request: Json) -> list[int]:
    """The numbers of the moments to compare."""
    return [int(number) for number, _, _ in ITEM.findall(user_text(request))]


def sub_scores(value: int) -> Json:
    """Five equal sub-scores."""
    names = ("hook", "substance", "clarity", "emotion", "completeness")
    return dict.fromkeys(names, value)


def moment(first: int, last: int, quote: str, title: str = "A title", score: int = 7) -> Json:
    """One proposed moment."""
    return {
        "start_id": first,
        "end_id": last,
        "quote": quote,
        "title": title,
        "reason": "Because.",
        "scores": sub_scores(score),
    }


def good_moments(request: Json, *, size: int = 3, every: int = 8) -> Reply:
    """Sound moments of `size` sentences, one in `every` sentences, each quoting its first."""
    lines = sentences_of(request)
    found = [
        moment(
            lines[i][0],
            lines[i + size - 1][0],
            lines[i][2],
            f"About {' '.join(lines[i][2].split()[:4])}",
            3 + lines[i][0] % 7,
        )
        for i in range(0, len(lines) - size, every)
    ]
    return Reply(json.dumps({"moments": found[:12]}))


def good_answer(request: Json) -> Reply:
    """A sound answer in the requested form."""
    form = form_of(request)
    if form == "moments":
        return good_moments(request)
    if form == "ranking":
        return Reply(json.dumps({"order": moment_numbers(request)[::-1]}))
    if form == "scoring":
        keys = moment_numbers(request)
        listed = [{"id": key, "scores": sub_scores(5)} for key in keys]
        return Reply(json.dumps({"moments": listed, "order": keys}))
    lines = {number: text for number, _, text in sentences_of(request)}
    named = re.search(r"The moment is sentences (\d+) to (\d+)", user_text(request))
    assert named is not None, "no form that is known"
    first, last = int(named[1]), int(named[2])
    first = first - 1 if first - 1 in lines else first
    answer = moment(first, last, lines[first], "A refined title")
    del answer["scores"]
    return Reply(json.dumps(answer))


def first_reply(reply: Reply, then: Script = good_answer) -> Script:
    """A script that gives `reply` to the first call and follows `then` afterwards."""
    replies = iter([reply])
    lock = threading.Lock()

    def script(request: Json) -> Reply:
        with lock:
            first = next(replies, None)
        return first if first is not None else then(request)

    return script
