"""The table of error codes, compared with the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from shared.error_codes import ERROR_CODES, declared
from tools.docs.write import ROOT

DECLARATIONS = ROOT / "shared" / "error_codes"
SOURCES = {
    path: path.read_text(encoding="utf-8")
    for package in ("cli", "functions", "shared")
    for path in sorted((ROOT / package).rglob("*.py"))
}


def _elsewhere() -> dict[Path, str]:
    return {path: text for path, text in SOURCES.items() if path.parent != DECLARATIONS}


def test_error_codes_are_declared_once_under_their_own_name() -> None:
    """Each declaration assigns the word to the same name in capitals; no word is declared twice."""
    text = "\n".join(text for path, text in SOURCES.items() if path.parent == DECLARATIONS)
    found = re.findall(r'^(\w+) = ErrorCode\(\s*"(\w+)"', text, flags=re.MULTILINE)
    assert [name.lower() for name, _ in found] == [word for _, word in found]
    assert sorted(word for _, word in found) == sorted(ERROR_CODES)


def test_error_codes_are_all_used() -> None:
    """Some module imports its constant; ruff refuses an import that is not used."""
    imported = {
        name.name.lower()
        for text in _elsewhere().values()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("shared.error_codes")
        for name in node.names
    }
    assert sorted(ERROR_CODES.keys() - imported) == []


def test_error_codes_are_declared_in_one_place() -> None:
    """mypy demands an `ErrorCode`; only the declarations make one."""
    assert [path for path, text in _elsewhere().items() if re.search(r"\bErrorCode\(", text)] == []


def test_error_codes_have_meanings_and_remedies_in_sentences() -> None:
    """Each begins with a capital or a command and ends with a full stop."""
    for code in ERROR_CODES.values():
        for sentence in (code.meaning, code.remedy):
            assert sentence[0].isupper() or sentence[0] == "`", (code, sentence)
            assert sentence.endswith("."), (code, sentence)
    assert len({code.meaning for code in ERROR_CODES.values()}) == len(ERROR_CODES)


def test_remedy_names_the_video() -> None:
    """The command in it can be copied; a code of another version is not an error."""
    remedy = declared("bucket_missing").remedy_for("talk-1")
    assert "`videomoments retry talk-1`" in remedy
    assert "VIDEO`" not in remedy


@pytest.mark.parametrize("word", ["code_of_tomorrow", "", None])
def test_error_code_is_explained_when_unknown(word: str | None) -> None:
    """A code that another version recorded, and a row without a code, have a meaning and remedy."""
    assert "another version" in declared(word).meaning.lower()
    assert declared(word).remedy_for("talk-1")


@pytest.mark.parametrize(
    "code", ["model_not_found", "model_quota_exceeded", "model_refused", "no_usable_answer"]
)
def test_remedy_gives_a_run_command_when_another_model_is_needed(code: str) -> None:
    """A retry keeps its model, so the remedy gives the command that names another one."""
    assert "`videomoments run FILE --model OTHER`" in declared(code).remedy


@pytest.mark.parametrize("code", ["model_refused", "no_usable_answer", "no_model"])
def test_remedy_suggests_no_retry_when_it_would_not_help(code: str) -> None:
    """A retry would ask the same question of the same model."""
    assert "videomoments retry" not in declared(code).remedy


@pytest.mark.parametrize("code", ["unknown_moment", "no_transcript"])
def test_remedy_gives_a_new_run_when_a_row_was_deleted(code: str) -> None:
    """The same request alone would return the same failed run."""
    remedy = declared(code).remedy_for("talk-1")
    assert "`videomoments delete talk-1`, then run it again" in remedy


def test_remedy_gives_the_command_that_adds_an_unknown_model() -> None:
    """Users need not write rows by hand."""
    assert "`videomoments models set`" in declared("unknown_model").remedy
