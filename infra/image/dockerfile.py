"""A Dockerfile as data: its stages, their instructions, and the stages that a target needs."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

KNOWN = frozenset(
    {"FROM", "ARG", "ENV", "RUN", "COPY", "WORKDIR", "USER", "EXPOSE"}
    | {"HEALTHCHECK", "ENTRYPOINT", "CMD", "LABEL"}
)
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class DockerfileError(Exception):
    """The Dockerfile holds an unknown construct."""


@dataclass(frozen=True)
class Instruction:
    """One instruction with its continuations joined. `line`: its first line's number."""

    line: int
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """The text as a shell splits it."""
        return shlex.split(self.text)

    @property
    def command(self) -> list[str]:
        """The JSON form of ENTRYPOINT, CMD and HEALTHCHECK. Raises `DockerfileError`."""
        found = self.text[self.text.find("[") :]
        try:
            words = json.loads(found)
        except ValueError:
            raise DockerfileError(f"line {self.line}: {self.name} must be a JSON list") from None
        return [str(word) for word in words]


@dataclass
class Stage:
    """One stage, which FROM begins."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def sources(self) -> list[str]:
        """The stages that it copies from."""
        flags = (word for i in self.instructions if i.name == "COPY" for word in i.words)
        return [flag.removeprefix("--from=") for flag in flags if flag.startswith("--from=")]


@dataclass(frozen=True)
class Dockerfile:
    """All stages, by name, in their order."""

    stages: dict[str, Stage]

    @classmethod
    def read(cls, path: Path) -> Dockerfile:
        """Raises `DockerfileError` that names the line."""
        stages: dict[str, Stage] = {}
        current: Stage | None = None
        for instruction in _instructions(path.read_text(encoding="utf-8")):
            if instruction.name == "FROM":
                current = _begin_stage(instruction)
                stages[current.name] = current
            elif current is None:
                raise DockerfileError(f"line {instruction.line}: nothing may stand before FROM")
            else:
                current.instructions.append(instruction)
        return cls(stages)

    def needed(self, target: str) -> list[Stage]:
        """The stages that make `target`, in build order."""
        found: dict[str, Stage] = {}

        def visit(name: str) -> None:
            stage = self.stages.get(name)
            if stage is None or name in found:
                return
            for other in (stage.base, *stage.sources()):
                visit(other)
            found[name] = stage

        if target not in self.stages:
            raise DockerfileError(f"There is no target {target!r}: {', '.join(self.stages)}")
        visit(target)
        return list(found.values())


def expand(text: str, values: dict[str, str]) -> str:
    """Replace `${NAME}` like Docker, for names that ARG or ENV set; keep others."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def _begin_stage(instruction: Instruction) -> Stage:
    words = instruction.words
    if len(words) != 3 or words[1].upper() != "AS":
        raise DockerfileError(f"line {instruction.line}: write FROM image AS name")
    return Stage(words[0], words[2])


def _instructions(text: str) -> list[Instruction]:
    found: list[Instruction] = []
    joined, begun = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not joined and (not line.strip() or line.lstrip().startswith("#")):
            continue
        begun = begun or number
        joined += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        name, _, rest = joined.strip().partition(" ")
        if name not in KNOWN:
            raise DockerfileError(f"line {begun}: unknown instruction {name}")
        found.append(Instruction(begun, name, rest.strip()))
        joined, begun = "", 0
    return found
