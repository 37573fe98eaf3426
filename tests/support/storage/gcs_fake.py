"""A small Cloud Storage server that is strict where emulators are lax.

It implements the JSON API's objects (insert by multipart and resumable upload, get, list with
pages, delete, rewrite) and the XML API's signed GET and PUT. It enforces generations and their
preconditions, checksums, chunk sizes, ranges, names and signatures.
"""

from __future__ import annotations

import json
import re
import threading
from email.parser import BytesHeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.storage.gcs_objects import FakeObject, Objects, Refused, crc32c, next_number
from tests.support.storage.signatures import SignatureCheck

CHUNK_BYTES = 256 * 1024
_PAGE = 1000
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_OBJECT = r"/b/(?P<bucket>[^/]+)/o/(?P<name>[^/]+)"


class FakeGcs(Objects):
    """The state; one lock makes every change atomic. `requests` logs method and path of each."""

    def __init__(self, signatures: SignatureCheck) -> None:
        super().__init__()
        self.signatures = signatures
        self.uploads: dict[str, tuple[FakeObject, bytearray, str | None]] = {}
        self.requests: list[str] = []
        self.lose_next_upload_answer = False
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"gcs": self})
        )
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    gcs: FakeGcs
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def serve(self) -> None:
        parts = urlsplit(self.path)
        self.query = {k: v[-1] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.gcs.requests.append(f"{self.command} {self.path}")
        try:
            for method, pattern, answer in _ROUTES:
                match = re.fullmatch(pattern, parts.path)
                if match and method == self.command:
                    answer(self, **{k: unquote(v) for k, v in match.groupdict().items()})
                    return
            raise Refused(404, f"no route for {self.command} {parts.path}")
        except Refused as refused:
            error = {"error": {"code": refused.status, "message": str(refused)}}
            self.answer(refused.status, json.dumps(error).encode())

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        headers.setdefault("Content-Type", "application/json")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stored(self, item: FakeObject, condition: str | None) -> None:
        self.gcs.store(item, condition)
        if self.gcs.lose_next_upload_answer:
            self.gcs.lose_next_upload_answer = False
            self.close_connection = True
            return
        self.resource(item)

    def resource(self, item: FakeObject) -> None:
        self.answer(200, json.dumps(item.resource).encode())

    def make_bucket(self) -> None:
        name = json.loads(self.body)["name"]
        self.gcs.buckets[name] = {}
        self.answer(200, json.dumps({"kind": "storage#bucket", "name": name}).encode())

    def insert(self, bucket: str) -> None:
        kind = self.query.get("uploadType")
        if kind == "resumable":
            return self.begin(bucket)
        if kind != "multipart":
            raise Refused(400, f"uploadType {kind}")
        boundary = self.headers.get_param("boundary")
        raw = self.body.split(f"--{boundary}".encode())
        described, content = (part.removeprefix(b"\r\n") for part in raw[1:3])
        meta = json.loads(described.partition(b"\r\n\r\n")[2])
        head, _, data = content.partition(b"\r\n\r\n")
        content_type = BytesHeaderParser().parsebytes(head + b"\r\n\r\n").get_content_type()
        item = FakeObject(
            bucket, meta["name"], data.removesuffix(b"\r\n"), content_type, meta.get("metadata", {})
        )
        if meta.get("crc32c") not in (None, crc32c(item.data)):
            raise Refused(400, "Provided CRC32C does not match")
        return self.stored(item, self.query.get("ifGenerationMatch"))

    def begin(self, bucket: str) -> None:
        self.gcs.objects(bucket)
        meta = json.loads(self.body or b"{}")
        content_type = self.headers.get("X-Upload-Content-Type", "application/octet-stream")
        item = FakeObject(bucket, meta["name"], b"", content_type, meta.get("metadata", {}))
        key = str(next_number())
        condition = self.query.get("ifGenerationMatch")
        self.gcs.uploads[key] = (item, bytearray(), condition)
        host = self.headers["Host"]
        self.answer(
            200,
            Location=f"http://{host}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={key}",
        )

    def go_on(self, bucket: str) -> None:
        item, data, condition = self.gcs.uploads[self.query["upload_id"]]
        if item.data:  # complete already: its answer was lost
            return self.resource(item)
        sent = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+|\*)", self.headers["Content-Range"])
        if sent:
            if int(sent[1]) != len(data) or int(sent[2]) + 1 - len(data) != len(self.body):
                raise Refused(400, "a chunk that does not follow")
            if int(sent[2]) + 1 != int(sent[3]) and len(self.body) % CHUNK_BYTES:
                raise Refused(400, "a chunk that is no multiple of 256 KiB")
            data += self.body
        if not sent or int(sent[2]) + 1 != int(sent[3]):
            return self.answer(308, Range=f"bytes=0-{len(data) - 1}") if data else self.answer(308)
        item.data, item.generation = bytes(data), next_number()
        return self.stored(item, condition)

    def get(self, bucket: str, name: str) -> None:
        item = self.gcs.find(bucket, name, self.query)
        if self.query.get("alt") == "media":
            return self.media(item)
        return self.resource(item)

    def media(self, item: FakeObject) -> None:
        data, headers, status = item.data, {}, 200
        asked = _RANGE.fullmatch(self.headers.get("Range", ""))
        if asked:
            start, stop = int(asked[1]), min(int(asked[2] or len(data)) + 1, len(data))
            if start >= len(data):
                raise Refused(416, "Requested range not satisfiable")
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
            data, status = data[start:stop], 206
        headers["X-Goog-Generation"] = str(item.generation)
        headers["X-Goog-Hash"] = f"crc32c={crc32c(item.data)}"
        self.answer(status, data, Content_Type=item.content_type, **headers)

    def list(self, bucket: str) -> None:
        prefix, after = self.query.get("prefix", ""), self.query.get("pageToken", "")
        names = sorted(
            (n for n in self.gcs.objects(bucket) if n.startswith(prefix) and n > after),
            key=str.encode,
        )
        size = min(int(self.query.get("maxResults", _PAGE)), _PAGE)
        page = {"items": [self.gcs.buckets[bucket][n].resource for n in names[:size]]}
        more = {"nextPageToken": names[size - 1]} if len(names) > size else {}
        self.answer(200, json.dumps({**page, **more}).encode())

    def delete(self, bucket: str, name: str) -> None:
        with self.gcs.lock:
            self.gcs.find(bucket, name, self.query)
            del self.gcs.buckets[bucket][name]
        self.answer(204)

    def rewrite(self, bucket: str, name: str, to_bucket: str, to_name: str) -> None:
        condition = self.query.get("ifSourceGenerationMatch")
        source = self.gcs.find(bucket, name, {"ifGenerationMatch": condition} if condition else {})
        made = FakeObject(to_bucket, to_name, source.data, source.content_type, source.metadata)
        self.gcs.store(made, self.query.get("ifGenerationMatch"))
        size = str(len(made.data))
        done = {"done": True, "totalBytesRewritten": size, "objectSize": size}
        self.answer(200, json.dumps({**done, "resource": made.resource}).encode())

    def xml_get(self, bucket: str, name: str) -> None:
        self.check_signature()
        self.media(self.gcs.find(bucket, name, {}))

    def xml_put(self, bucket: str, name: str) -> None:
        self.check_signature()
        content_type = self.headers.get("Content-Type", "application/octet-stream")
        self.gcs.store(FakeObject(bucket, name, self.body, content_type), None)
        self.answer(200)

    def check_signature(self) -> None:
        fault = self.gcs.signatures.fault(self.command, self.path, dict(self.headers))
        if fault:
            raise Refused(403, fault)


_API = "/storage/v1"
_TO = _OBJECT.replace("bucket", "to_bucket").replace("name", "to_name")
_ROUTES: tuple[tuple[str, str, Any], ...] = (
    ("POST", f"{_API}/b", _Handler.make_bucket),
    ("POST", f"/upload{_API}/b/(?P<bucket>[^/]+)/o", _Handler.insert),
    ("PUT", f"/upload{_API}/b/(?P<bucket>[^/]+)/o", _Handler.go_on),
    ("GET", f"{_API}/b/(?P<bucket>[^/]+)/o", _Handler.list),
    ("POST", f"{_API}{_OBJECT}/rewriteTo{_TO}", _Handler.rewrite),
    ("GET", f"(?:/download)?{_API}{_OBJECT}", _Handler.get),
    ("DELETE", f"{_API}{_OBJECT}", _Handler.delete),
    ("GET", r"/(?P<bucket>[^/]+)/(?P<name>.+)", _Handler.xml_get),
    ("PUT", r"/(?P<bucket>[^/]+)/(?P<name>.+)", _Handler.xml_put),
)
