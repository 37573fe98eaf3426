"""Cloud Build's own message definition, reduced to a build's configuration.

pip install google-cloud-build
python -m tests.support.google.cloudbuild_schema

writes cloudbuild-message.json: google.devtools.cloudbuild.v1.Build and its parts, as a
FileDescriptorProto. The tests make a message class from it and read cloudbuild.yaml with Protocol
Buffers' JSON reader, like the service: an unknown field, a wrong type or enumerator fails.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

MESSAGE_FILE = Path(__file__).resolve().with_name("cloudbuild-message.json")
WELL_KNOWN = ("google/protobuf/duration.proto", "google/protobuf/timestamp.proto")
BUILD = "google.devtools.cloudbuild.v1.Build"


def message_class(path: Path = MESSAGE_FILE) -> type[Any]:
    """The class of a build, made from the committed definition."""
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
    from google.protobuf.duration_pb2 import DESCRIPTOR as DURATION
    from google.protobuf.timestamp_pb2 import DESCRIPTOR as TIMESTAMP

    definition = json.loads(path.read_text(encoding="utf-8"))["file"]
    pool = descriptor_pool.DescriptorPool()
    for known in (DURATION, TIMESTAMP):
        pool.AddSerializedFile(known.serialized_pb)
    pool.Add(json_format.ParseDict(definition, descriptor_pb2.FileDescriptorProto()))
    found: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(BUILD))
    return found


def extract() -> dict[str, Any]:
    """The definition from the installed google-cloud-build."""
    from google.cloud.devtools.cloudbuild_v1 import Build
    from google.protobuf import descriptor_pb2, json_format

    whole = descriptor_pb2.FileDescriptorProto()
    Build.pb(Build()).DESCRIPTOR.file.CopyToProto(whole)
    slim = descriptor_pb2.FileDescriptorProto(
        name=whole.name, package=whole.package, syntax=whole.syntax, dependency=WELL_KNOWN
    )
    wanted = _reachable(whole, "Build")
    slim.message_type.extend(m for m in whole.message_type if m.name in wanted)
    slim.enum_type.extend(e for e in whole.enum_type if e.name in wanted)
    return {
        "extracted_from": f"google-cloud-build {version('google-cloud-build')}",
        "file": _without_options(json_format.MessageToDict(slim)),
    }


def _reachable(whole: Any, first: str) -> set[str]:
    prefix = f".{whole.package}."
    messages = {message.name: message for message in whole.message_type}
    found: set[str] = set()
    ahead = [first]
    while ahead:
        name = ahead.pop()
        if name in found:
            continue
        found.add(name)
        parts = [messages[name]] if name in messages else []
        while parts:
            part = parts.pop()
            parts.extend(part.nested_type)
            types = [f.type_name for f in part.field if f.type_name.startswith(prefix)]
            ahead.extend(kind.removeprefix(prefix).partition(".")[0] for kind in types)
    return found


def _without_options(value: Any) -> Any:
    """Remove a field's options, which only Google's tools read, except for map entries."""
    if isinstance(value, list):
        return [_without_options(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: _without_options(item)
        for key, item in value.items()
        if key != "options" or "mapEntry" in item
    }
    if "options" in kept:
        kept["options"] = {"mapEntry": True}
    return kept


if __name__ == "__main__":
    MESSAGE_FILE.write_text(
        json.dumps(extract(), separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8"
    )
