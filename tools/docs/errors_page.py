"""docs/errors.md: every code a stage run may fail or be skipped with, read off the source."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shared.error_codes import ERROR_CODES

PACKAGES = ("cli", "functions", "shared")
RAISED_BY_NAME = {"Reject", "NotThere"}


@dataclass(frozen=True, slots=True)
class Code:
    """One place that gives a code. `message` is its template, None where it is made elsewhere."""

    code: str
    module: str
    message: str | None


def errors_page(root: Path, notice: str) -> str:
    """Codes in alphabetical order: what each means, what to do, and the words it comes with."""
    found: dict[str, list[Code]] = defaultdict(list)
    for code in sorted(codes(root), key=lambda code: (code.code, code.module)):
        found[code.code].append(code)
    return "\n".join(
        [
            "# Error codes",
            "",
            notice,
            "",
            "A stage run that failed or was skipped carries one of these codes and a message "
            "(`stage_runs.error_code`, `error_message`); `videomoments status` shows them, "
            "`videomoments explain VIDEO` says what to do. A command that is refused ends with "
            "the message alone. What failed is done again by `videomoments retry VIDEO`, after "
            "what stands under “what to do”.",
            "",
            "| code | meaning | what to do | messages |",
            "| --- | --- | --- | --- |",
            *(_row(code, found.get(code, [])) for code in sorted(ERROR_CODES)),
            "",
        ]
    )


def codes(root: Path) -> Iterator[Code]:
    """Every code in the packages' source, as a literal or by the name of a constant."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    sources = {path: path.read_text(encoding="utf-8") for path in paths}
    constants: dict[str, str] = {}
    for source in sources.values():
        constants |= constants_in(source)
    for path, source in sources.items():
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        yield from codes_in(source, module, constants)


def constants_in(source: str) -> dict[str, str]:
    """The module's own text constants, by name."""
    return {
        target.id: node.value.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def codes_in(source: str, module: str, constants: Mapping[str, str]) -> Iterator[Code]:
    """Codes given to `Reject`, to a subclass's `super().__init__`, or as `error_code`."""
    tree = ast.parse(source)
    rejects = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and _rejects(node)]
    inherited = {id(call) for node in rejects for call in ast.walk(node) if _is_super_init(call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (
            _called(node) in RAISED_BY_NAME or id(node) in inherited
        ):
            yield from _rejected(node, module, constants)
        for value in _error_codes(node):
            yield from (Code(text, module, None) for text in _texts(value, constants))


def _error_codes(node: ast.AST) -> Iterator[ast.expr]:
    """What is given as `error_code=…`, `code=…` or `{"error_code": …}`, or to `_fail`."""
    if isinstance(node, ast.keyword) and node.arg in {"error_code", "code"}:
        yield node.value
    if isinstance(node, ast.Assign) and any(_is_code(target) for target in node.targets):
        yield node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from node.args[1:2] if node.func.attr == "_fail" else ()
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "error_code":
                yield value


def _is_code(target: ast.expr) -> bool:
    return isinstance(target, ast.Name) and target.id == "code"


def _rejects(node: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id in RAISED_BY_NAME for base in node.bases)


def _is_super_init(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "__init__"
    )


def _called(node: ast.Call) -> str | None:
    return node.func.id if isinstance(node.func, ast.Name) else None


def _rejected(node: ast.Call, module: str, constants: Mapping[str, str]) -> Iterator[Code]:
    if not node.args:
        return
    message = _template(node.args[1]) if len(node.args) > 1 else None
    yield from (Code(text, module, message) for text in _texts(node.args[0], constants))


def _texts(node: ast.expr, constants: Mapping[str, str]) -> Iterator[str]:
    if isinstance(node, ast.IfExp):
        yield from _texts(node.body, constants)
        yield from _texts(node.orelse, constants)
    elif isinstance(node, ast.Name) and node.id in constants:
        yield constants[node.id]
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value


def _template(node: ast.expr) -> str | None:
    """The message with … for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = (str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return "".join(parts)


def _row(code: str, places: list[Code]) -> str:
    messages = dict.fromkeys(place.message for place in places if place.message)
    said = "<br>".join(messages) or "(by what happened)"
    declared = ERROR_CODES[code]
    cells = (f"`{code}`", declared.meaning, declared.remedy, said)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
