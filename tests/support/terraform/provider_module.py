"""Read one resource of cdktn-provider-google, compiled JavaScript, back into a schema."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shared.domain.documents import Json

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
        """The resource's type in configurations."""
        return _required(r'static tfResourceType = "(\w+)"', self.text)

    @property
    def provider_version(self) -> str:
        """The provider's version behind the package."""
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
        """The attributes and blocks of a class."""
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
        """(is a block, nesting, storage) of each configurable name."""
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
