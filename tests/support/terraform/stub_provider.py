"""A provider for Terraform that knows a schema and nothing else.

It serves the schema of the JSON file named on its command line and answers every check with "no
objection". So `terraform validate` holds a configuration against the names, types and nesting of
the real provider, and `terraform test` can mock its resources, without a registry and without the
cloud. It prints the port it listens on, and serves until its standard input ends. Terraform joins
it (TF_REATTACH_PROVIDERS), so that one process serves all of a session's tests.

The protocol (tfplugin6, https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol)
is gRPC; the few messages there are to write are encoded here by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from shared.domain.documents import Json

NESTING = {"single": 1, "list": 2, "set": 3, "map": 4, "group": 5}
# Their empty answer means: no diagnostics.
SILENT = ("ValidateProviderConfig", "ValidateResourceConfig", "ValidateDataResourceConfig")


def varint(number: int) -> bytes:
    """A whole number, as Protocol Buffers write it."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def member(number: int, value: str | bytes | int) -> bytes:
    """One field of a message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def attribute(name: str, found: Json) -> bytes:
    """tfplugin6.Schema.Attribute."""
    flags = enumerate(("required", "optional", "computed"), start=4)
    return b"".join(
        [
            member(1, name),
            member(2, json.dumps(found["type"])),
            *(member(number, 1) for number, flag in flags if found.get(flag)),
        ]
    )


def nested_block(name: str, found: Json) -> bytes:
    """tfplugin6.Schema.NestedBlock."""
    return b"".join(
        [
            member(1, name),
            member(2, block(found["block"])),
            member(3, NESTING[found["nesting_mode"]]),
            member(4, found.get("min_items", 0)),
            member(5, found.get("max_items", 0)),
        ]
    )


def block(found: Json) -> bytes:
    """tfplugin6.Schema.Block."""
    attributes = (member(2, attribute(*item)) for item in found["attributes"].items())
    blocks = (member(3, nested_block(*item)) for item in found["block_types"].items())
    return b"".join([*attributes, *blocks])


def provider_schema(found: Json) -> bytes:
    """tfplugin6.GetProviderSchema.Response."""

    def entries(number: int, schemas: Json) -> Iterator[bytes]:
        for name, schema in schemas.items():
            yield member(number, member(1, name) + member(2, member(2, block(schema["block"]))))

    return b"".join(
        [
            member(1, member(2, block(found["provider"]["block"]))),
            *entries(2, found["resource_schemas"]),
            *entries(3, found["data_source_schemas"]),
        ]
    )


def answers(schema: bytes) -> dict[str, Callable[[], bytes]]:
    """The answer to each method of the plugin; it does not depend on the request."""
    silent = (*SILENT, "ConfigureProvider", "StopProvider")
    return {
        "/tfplugin6.Provider/GetProviderSchema": lambda: schema,
        **{f"/tfplugin6.Provider/{method}": bytes for method in silent},
    }


def serve(schema: bytes) -> None:
    """Serve until standard input ends, as it does when the process that started this one ends."""
    import grpc  # type: ignore[import-untyped]

    known = answers(schema)

    class Methods(grpc.GenericRpcHandler):  # type: ignore[misc]
        def service(self, details: Any) -> Any:
            answer = known.get(details.method)
            if answer is None:
                return None
            return grpc.unary_unary_rpc_method_handler(lambda _request, _context: answer())

    server = grpc.server(ThreadPoolExecutor(4), handlers=[Methods()])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    sys.stdin.read()
    server.stop(grace=None).wait()


if __name__ == "__main__":
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    (google,) = document["provider_schemas"].values()
    serve(provider_schema(google))
