"""The schema of Terraform's google provider, without a registry and without the provider.

The package cdktn-provider-google (PyPI) is generated from the provider's own schema and keeps all
of it: names, types, what is required, optional or computed, and how blocks nest. This reads it back
into the form of `terraform providers schema -json`:

    pip download --no-deps cdktn-provider-google
    python -m tests.infra.provider_schema cdktn_provider_google-*.whl

writes google-provider-schema.json, of the resources infra/terraform uses; `--all` to stdout, of
every one. Not in it, for the package does not keep it: what is deprecated or sensitive, and rules
that only the provider's code knows (enumerations, ranges, what excludes what).
"""

from __future__ import annotations

import argparse
import io
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

Json = dict[str, Any]
HERE = Path(__file__).resolve().parent
TERRAFORM = HERE.parent.parent / "infra" / "terraform"
SCHEMA_FILE = HERE / "google-provider-schema.json"
SCALARS = {"String": "string", "Number": "number", "Boolean": "bool"}
_CLASS = re.compile(r"^class (\w+) extends cdktn\.(\w+) \{$(.*?)^\}$", re.MULTILINE | re.DOTALL)
_MEMBER = re.compile(
    r"^    // (?P<name>\w+) - computed: (?P<computed>\w+), optional: (?P<optional>\w+), "
    r"required: (?P<required>\w+)\n(?P<body>.*?)^    \}$",
    re.MULTILINE | re.DOTALL,
)
_SETTER = re.compile(r"\bget(\w+)Attribute\('")
_HOLDER = re.compile(r"= new (?:\w+\.)?(\w+)\(this, \"\w+\"(?:, (true|false))?\)")
_HCL = re.compile(
    r"^ {8,12}(\w+): \{\n.*?isBlock: (true|false),\n +type: \"(\w+)\",\n"
    r" +storageClassType: \"(\w+)\"",
    re.MULTILINE | re.DOTALL,
)
_USED = re.compile(r'^(resource|data) "(google_\w+)"', re.MULTILINE)


@dataclass
class Package:
    """The compiled package: one module of JavaScript for each resource."""

    archive: tarfile.TarFile
    members: Mapping[str, tarfile.TarInfo] = field(init=False)

    def __post_init__(self) -> None:
        self.members = {m.name: m for m in self.archive.getmembers() if m.name.endswith(".js")}

    @classmethod
    def of(cls, wheel: Path) -> Package:
        """From the wheel, which holds the archive."""
        with zipfile.ZipFile(wheel) as files:
            name = next(name for name in files.namelist() if name.endswith(".jsii.tgz"))
            return cls(tarfile.open(fileobj=io.BytesIO(files.read(name))))

    def folders(self) -> Iterator[str]:
        """Every resource's folder, data sources and the provider among them."""
        for name in self.members:
            _, top, folder, *rest = name.split("/")
            if top == "lib" and rest == ["index.js"]:
                yield folder

    def module(self, folder: str) -> Module:
        """Raises `LookupError` for a resource that is not there."""
        # The classes of a very large one are spread over several files.
        parts = [name for name in self.members if name.startswith(f"package/lib/{folder}/")]
        if not parts:
            raise LookupError(f"The provider has no {folder}.")
        return Module("\n".join(map(self._read, parts)))

    def _read(self, name: str) -> str:
        content = self.archive.extractfile(self.members[name])
        return content.read().decode() if content else ""


@dataclass(frozen=True)
class Module:
    """The classes of one resource."""

    text: str

    @cached_property
    def classes(self) -> dict[str, tuple[str, str]]:
        """Base class and body, by name."""
        return {match[1]: (match[2], match[3]) for match in _CLASS.finditer(self.text)}

    @cached_property
    def main(self) -> str:
        """The resource's own class."""
        bases = {"TerraformResource", "TerraformDataSource", "TerraformProvider"}
        return next(name for name, (base, _) in self.classes.items() if base in bases)

    @property
    def resource_type(self) -> str:
        """As configurations name it."""
        return _required(r'static tfResourceType = "(\w+)"', self.text)

    @property
    def provider_version(self) -> str:
        """The version of the provider it was generated from."""
        return _required(r"providerVersion: '([\d.]+)'", self.text)

    def provider_block(self) -> Json:
        """The provider's own attributes; its two blocks are not in use."""
        stored = {"string": "string", "boolean": "bool", "stringMap": ["map", "string"]}
        stored |= {"stringList": ["list", "string"]}
        kinds = self._kinds(self.main)
        attributes = {
            member["name"]: _flags(member) | {"type": stored[kinds[member["name"]][2]]}
            for member in _MEMBER.finditer(self.classes[self.main][1])
            if kinds[member["name"]][0] == "false"
        }
        return {"attributes": attributes, "block_types": {}}

    def block(self, name: str) -> Json:
        """The attributes and blocks which a class holds."""
        attributes: Json = {}
        blocks: Json = {}
        body = self.classes[name][1]
        kinds = self._kinds(name)
        for member in _MEMBER.finditer(body):
            holder = _HOLDER.search(member["body"])
            kind = kinds.get(member["name"], ("false", "", ""))
            if holder and holder[1] in self.classes and kind[0] == "true":
                blocks[member["name"]] = self._nested(member, holder, kind[1])
            else:
                attributes[member["name"]] = _flags(member) | {"type": self._type(member, holder)}
        return {"attributes": attributes, "block_types": blocks}

    def _kinds(self, name: str) -> dict[str, tuple[str, str, str]]:
        """(is a block, how it nests, how it is stored) of what a configuration may set, by name."""
        if name == self.main:
            text = self.classes[name][1].partition("synthesizeHclAttributes()")[2]
        else:
            function = name.removesuffix("OutputReference")
            start = f"function {function[0].lower()}{function[1:]}ToHclTerraform("
            text = self.text.partition(start)[2].partition("\n}\n")[0]
        return {match[1]: (match[2], match[3], match[4]) for match in _HCL.finditer(text)}

    def _nested(self, member: re.Match[str], holder: re.Match[str], kind: str) -> Json:
        nested: Json = {"nesting_mode": "single" if kind == "struct" else kind}
        if member["required"] == "true":
            nested["min_items"] = 1
        if holder[1].endswith("List"):
            inner = holder[1].removesuffix("List") + "OutputReference"
        else:
            inner = holder[1]
            if kind != "struct":
                nested["max_items"] = 1
        return nested | {"block": self.block(inner)}

    def _type(self, member: re.Match[str], holder: re.Match[str] | None) -> Any:
        if holder is None:
            return _scalar(member)
        name = holder[1]
        if name not in self.classes:
            return _map_type(name) if name.endswith("Map") else ["list", _map_type(name[:-4])]
        if name.endswith("List"):
            inner = self._object(name.removesuffix("List") + "OutputReference")
            return ["set" if holder[2] == "true" else "list", inner]
        return self._object(name)

    def _object(self, name: str) -> Any:
        found = self.block(name)
        fields = {key: value["type"] for key, value in found["attributes"].items()}
        fields |= {
            key: [value["nesting_mode"], _as_object(value["block"])]
            for key, value in found["block_types"].items()
        }
        return ["object", fields]


def _as_object(block: Json) -> Any:
    return ["object", {key: value["type"] for key, value in block["attributes"].items()}]


def _flags(member: re.Match[str]) -> Json:
    return {key: True for key in ("required", "optional", "computed") if member[key] == "true"}


def _scalar(member: re.Match[str]) -> Any:
    read = _required(_SETTER.pattern, member["body"])
    if read in SCALARS:
        return SCALARS[read]
    if read.endswith("Map"):
        return _map_type(read)
    element = SCALARS.get(read.removesuffix("List"), "string")
    return ["set" if "Fn.tolist(" in member["body"] else "list", element]


def _map_type(name: str) -> Any:
    inner = name.removesuffix("Map")
    if inner.endswith("List"):
        return ["map", ["list", SCALARS[inner.removesuffix("List")]]]
    return ["map", SCALARS[inner]]


def _required(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise LookupError(f"{pattern} is not in: {text[:300]}")
    return found[1]


def used_types(folder: Path = TERRAFORM) -> set[tuple[str, str]]:
    """(resource or data, type) of everything the configuration names."""
    files = sorted(folder.rglob("*.tf"))
    return {found for path in files for found in _USED.findall(path.read_text(encoding="utf-8"))}


def extract(package: Package, wanted: Iterable[tuple[str, str]] | None) -> Json:
    """The provider's schema, of what is wanted only, as `terraform providers schema -json` does."""
    provider = package.module("provider")
    resources: Json = {}
    data_sources: Json = {}
    folders = package.folders() if wanted is None else sorted(map(_folder, wanted))
    for folder in folders:
        if folder in ("provider", "provider-functions") or folder.startswith("ephemeral-"):
            continue
        module = package.module(folder)
        target = data_sources if folder.startswith("data-google-") else resources
        try:
            target[module.resource_type] = {"version": 0, "block": module.block(module.main)}
        except RecursionError:  # one resource's blocks hold themselves
            sys.stderr.write(f"Left out, for it nests without end: {module.resource_type}\n")
    return {
        "format_version": "1.0",
        "provider_version": provider.provider_version,
        "provider_schemas": {
            "registry.terraform.io/hashicorp/google": {
                "provider": {"version": 0, "block": provider.provider_block()},
                "resource_schemas": resources,
                "data_source_schemas": data_sources,
            }
        },
    }


def _folder(used: tuple[str, str]) -> str:
    kind, name = used
    hyphened = name.replace("_", "-")
    return f"data-{hyphened}" if kind == "data" else hyphened.removeprefix("google-")


def main(arguments: list[str] | None = None) -> None:
    """Write the slim schema, or print the whole one."""
    parser = argparse.ArgumentParser(prog="python -m tests.infra.provider_schema")
    parser.add_argument("wheel", type=Path, help="the wheel of cdktn-provider-google")
    parser.add_argument("--all", action="store_true", help="every resource, to stdout")
    asked = parser.parse_args(arguments)
    schema = extract(Package.of(asked.wheel), None if asked.all else used_types())
    text = json.dumps(schema, separators=(",", ":"), sort_keys=True)
    if asked.all:
        sys.stdout.write(text)
    else:
        SCHEMA_FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
