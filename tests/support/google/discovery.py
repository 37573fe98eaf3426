"""Google's own description of the REST methods that `videomoments doctor --cloud` calls.

pip download --no-deps google-api-python-client
python -m tests.support.google.discovery google_api_python_client-*.whl

writes google-discovery.json: verb, path, parameters and answer of each method in use, and their
schemas, without prose. The fake of Google accepts only requests that fit it, and gives only answers
that fit it.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.domain.documents import Json

DISCOVERY_FILE = Path(__file__).resolve().with_name("google-discovery.json")
METHODS = {
    "cloudresourcemanager.v3": ["projects.getIamPolicy"],
    "cloudscheduler.v1": ["projects.locations.jobs.get"],
    "iam.v1": ["projects.serviceAccounts.getIamPolicy"],
    "monitoring.v3": ["projects.timeSeries.list"],
    "pubsub.v1": [
        "projects.topics.getIamPolicy",
        "projects.subscriptions.list",
        "projects.subscriptions.getIamPolicy",
    ],
    "run.v2": [
        "projects.locations.services.list",
        "projects.locations.services.getIamPolicy",
        "projects.locations.jobs.get",
        "projects.locations.jobs.executions.list",
    ],
    "secretmanager.v1": ["projects.secrets.versions.list", "projects.secrets.getIamPolicy"],
    "sqladmin.v1": ["instances.get", "backupRuns.list"],
    "storage.v1": ["objects.get"],
}
KEPT = ("type", "enum", "$ref", "items", "properties", "additionalProperties")


@dataclass(frozen=True)
class Method:
    """One method of one API."""

    id: str
    verb: str
    path: re.Pattern[str]
    parameters: frozenset[str]
    answer: str
    schemas: Json

    def wrong(self, query: set[str]) -> list[str]:
        """The parts of a request that the method does not know."""
        return sorted(query - self.parameters)

    def misfits(self, answer: Json) -> list[str]:
        """The parts of an answer that do not fit the description, with their places."""
        return list(_misfits(answer, {"$ref": self.answer}, self.schemas, self.answer))


@cache
def methods() -> dict[str, list[Method]]:
    """All described methods, by host."""
    document = json.loads(DISCOVERY_FILE.read_text(encoding="utf-8"))
    found: dict[str, list[Method]] = {}
    for api in document["apis"].values():
        found.setdefault(api["host"], []).extend(
            Method(
                id=m["id"],
                verb=m["verb"],
                path=re.compile(re.sub(r"\{\w+\}", "[^/]+", m["path"])),
                parameters=frozenset(m["parameters"]),
                answer=m["answer"],
                schemas=api["schemas"],
            )
            for m in api["methods"]
        )
    return found


def _misfits(value: Any, schema: Json, schemas: Json, where: str) -> Iterator[str]:
    schema = schemas[schema["$ref"]] if "$ref" in schema else schema
    kind = schema.get("type", "any")
    types: dict[str, Any] = {"object": dict, "array": list, "string": str, "boolean": bool}
    types |= {"integer": int, "number": (int, float), "any": object}
    if not isinstance(value, types[kind]) or (kind == "integer" and isinstance(value, bool)):
        yield f"{where} is not of type {kind}: {value!r:.60}"
    elif "enum" in schema and value not in schema["enum"]:
        yield f"{where} is none of its enumerators: {value}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _misfits(item, schema["items"], schemas, f"{where}[{index}]")
    elif isinstance(value, dict):
        rest = schema.get("additionalProperties")
        for key, item in value.items():
            inner = schema.get("properties", {}).get(key, rest)
            if inner is None:
                yield f"{where} has no {key}"
            else:
                yield from _misfits(item, inner, schemas, f"{where}.{key}")


def extract(wheel: Path) -> Json:
    """The reduced description, from the documents in Google's Python client."""
    with zipfile.ZipFile(wheel) as files:
        apis = {name: json.loads(files.read(_place(name))) for name in METHODS}
    return {
        "extracted_from": "-".join(wheel.name.split("-")[:2]).replace("_", "-"),
        "apis": {name: _slim_api(api, METHODS[name]) for name, api in apis.items()},
    }


def _place(name: str) -> str:
    return f"googleapiclient/discovery_cache/documents/{name}.json"


def _slim_api(api: Json, wanted: list[str]) -> Json:
    known = {m["id"].partition(".")[2]: m for m in _methods(api)}
    found = []
    ahead: list[str] = []
    for name in wanted:
        method = known[name]
        found.append(
            {
                "id": method["id"],
                "verb": method["httpMethod"],
                "path": f"/{api['servicePath']}{method.get('flatPath', method['path'])}",
                "parameters": sorted({*method.get("parameters", {}), *api["parameters"]}),
                "answer": method["response"]["$ref"],
            }
        )
        ahead.append(method["response"]["$ref"])
    schemas: Json = {}
    while ahead:
        name = ahead.pop()
        if name not in schemas:
            schemas[name] = _slim(api["schemas"][name])
            ahead.extend(re.findall(r'"\$ref": "(\w+)"', json.dumps(schemas[name])))
    host = urlsplit(api["rootUrl"]).netloc
    return {"host": host, "revision": api["revision"], "methods": found, "schemas": schemas}


def _methods(part: Json) -> Iterator[Json]:
    yield from part.get("methods", {}).values()
    for inner in part.get("resources", {}).values():
        yield from _methods(inner)


def _slim(schema: Json) -> Json:
    kept = {key: schema[key] for key in KEPT if key in schema}
    for key in ("items", "additionalProperties"):
        if key in kept:
            kept[key] = _slim(kept[key])
    if "properties" in kept:
        kept["properties"] = {name: _slim(s) for name, s in kept["properties"].items()}
    return kept


if __name__ == "__main__":
    DISCOVERY_FILE.write_text(
        json.dumps(extract(Path(sys.argv[1])), separators=(",", ":"), sort_keys=True) + "\n",
        encoding="utf-8",
    )
