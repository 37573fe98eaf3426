"""A server on the loopback that speaks Vertex AI's generateContent and Google's token exchange."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from shared.domain.documents import Json


@dataclass(slots=True)
class VertexReply:
    """A response body and its status."""

    body: Json
    status: int = 200


@dataclass(slots=True)
class VertexRecord:
    """The recorded calls, and the number of tokens issued."""

    url: str = ""
    paths: list[str] = field(default_factory=list)
    bodies: list[Json] = field(default_factory=list)
    authorizations: list[str] = field(default_factory=list)
    tokens: int = 0


def vertex_answer(text: str, *, finish: str = "STOP") -> VertexReply:
    """An answer of one part, with its token counts."""
    content = {"role": "model", "parts": [{"text": text}]}
    return VertexReply(
        {
            "candidates": [{"content": content, "finishReason": finish, "index": 0}],
            "usageMetadata": {
                "promptTokenCount": 120,
                "candidatesTokenCount": 30,
                "totalTokenCount": 150,
            },
            "modelVersion": "gemini-2.5-flash",
            "responseId": "r-1",
        }
    )


def vertex_error(status: int, reason: str, message: str) -> VertexReply:
    """An error in the format of Google's APIs."""
    return VertexReply({"error": {"code": status, "message": message, "status": reason}}, status)


@contextmanager
def vertex_server(script: Callable[[Json], VertexReply]) -> Iterator[VertexRecord]:
    """A server that runs while the block does."""
    record, lock = VertexRecord(), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/token":
                with lock:
                    record.tokens += 1
                token = {"access_token": "token-of-google", "expires_in": 3600}
                return self._send(VertexReply({**token, "token_type": "Bearer"}))
            asked = json.loads(body)
            with lock:
                record.paths.append(self.path)
                record.bodies.append(asked)
                record.authorizations.append(self.headers.get("Authorization", ""))
            return self._send(script(asked))

        def _send(self, reply: VertexReply) -> None:
            content = json.dumps(reply.body).encode()
            self.send_response(reply.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    record.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield record
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
