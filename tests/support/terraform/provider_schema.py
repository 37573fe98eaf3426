"""The schema of Terraform's google provider, without a registry and without the provider.

The package cdktn-provider-google (PyPI) is generated from the provider's schema and keeps names,
types, nesting, and whether an attribute is required, optional or computed. This module turns it
back into the form of `terraform providers schema -json`:

pip download --no-deps cdktn-provider-google
python -m tests.support.terraform.provider_schema cdktn_provider_google-*.whl

writes google-provider-schema.json with the resources that infra/terraform uses; `--all` prints all.
The package lacks deprecations, sensitivity, and rules in the provider's code (enumerations, ranges,
conflicts).
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
from pathlib import Path

from shared.domain.documents import Json
from tests.support.terraform.provider_module import Module

HERE = Path(__file__).resolve().parent
TERRAFORM = HERE.parents[2] / "infra" / "terraform"
SCHEMA_FILE = HERE / "google-provider-schema.json"
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
        """Open the wheel that holds the package."""
        with zipfile.ZipFile(wheel) as files:
            name = next(name for name in files.namelist() if name.endswith(".jsii.tgz"))
            return cls(tarfile.open(fileobj=io.BytesIO(files.read(name))))

    def folders(self) -> Iterator[str]:
        """Every resource's folder, including data sources and the provider."""
        for name in self.members:
            _, top, folder, *rest = name.split("/")
            if top == "lib" and rest == ["index.js"]:
                yield folder

    def module(self, folder: str) -> Module:
        """One resource's module. Raises `LookupError` for an unknown resource."""
        # The classes of a very large one are spread over several files.
        parts = [name for name in self.members if name.startswith(f"package/lib/{folder}/")]
        if not parts:
            raise LookupError(f"The provider has no {folder}.")
        return Module("\n".join(map(self._read, parts)))

    def _read(self, name: str) -> str:
        content = self.archive.extractfile(self.members[name])
        return content.read().decode() if content else ""


def used_types(folder: Path = TERRAFORM) -> set[tuple[str, str]]:
    """(resource or data, type) of everything that the configuration names."""
    files = sorted(folder.rglob("*.tf"))
    return {found for path in files for found in _USED.findall(path.read_text(encoding="utf-8"))}


def extract(package: Package, wanted: Iterable[tuple[str, str]] | None) -> Json:
    """The provider's schema for the given types, like `terraform providers schema -json`."""
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
    """Write the reduced schema, or print the whole one."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.terraform.provider_schema")
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
