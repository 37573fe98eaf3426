"""The bucket of Terraform's state, as far as `terraform init` and `plan` read it, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from cli.doctor.cloud.record import STATE_OBJECT
from shared.domain.documents import Json


@contextmanager
def serving_state(bucket: str, state: Json) -> Iterator[str]:
    """Serve that state, and refuse everything else; yields the address of the storage API."""
    objects = f"/storage/v1/b/{bucket}/o"
    found = {"name": STATE_OBJECT, "bucket": bucket, "metadata": {}}
    answers = {
        objects: {"items": [found]},
        f"{objects}/{STATE_OBJECT}": found,
        f"/{bucket}/{STATE_OBJECT}": state,
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(unquote(urlsplit(self.path).path))
            content = json.dumps(answer or {}).encode()
            self.send_response(200 if answer is not None else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/storage/v1/"
    finally:
        server.shutdown()
        server.server_close()
