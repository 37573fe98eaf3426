"""The table of error codes, held against the code."""

from __future__ import annotations

from shared.error_codes import ERROR_CODES, TABLES, meaning_of, remedy_of
from tools.docs.errors_page import codes
from tools.docs.write import ROOT


def test_every_code_given_is_declared() -> None:
    """Whatever code the source gives has its meaning and remedy in the table."""
    given = {found.code: found.module for found in codes(ROOT)}
    assert {code: module for code, module in given.items() if code not in ERROR_CODES} == {}


def test_every_declared_code_is_given_somewhere() -> None:
    """The table holds nothing that no code gives, and nothing twice."""
    assert sorted(ERROR_CODES.keys() - {found.code for found in codes(ROOT)}) == []
    assert sum(len(table) for table in TABLES) == len(ERROR_CODES)


def test_meanings_and_remedies_are_sentences_of_their_own() -> None:
    """Each begins with a capital or a command and ends with a full stop; no meaning is reused."""
    for code, declared in ERROR_CODES.items():
        for sentence in declared:
            assert sentence[0].isupper() or sentence[0] == "`", (code, sentence)
            assert sentence.endswith("."), (code, sentence)
    assert len({declared.meaning for declared in ERROR_CODES.values()}) == len(ERROR_CODES)


def test_a_remedy_names_the_video() -> None:
    """The command in it can be copied; a code of another version is no error."""
    assert "`videomoments retry talk-1`" in remedy_of("bucket_missing", "talk-1")
    assert "VIDEO`" not in remedy_of("bucket_missing", "talk-1")
    assert "another version" in meaning_of("code_of_tomorrow").lower()
    assert remedy_of("code_of_tomorrow", "talk-1")


ANOTHER_MODEL = ("model_not_found", "model_quota_exceeded", "model_refused", "no_usable_answer")


def test_another_model_is_another_run() -> None:
    """Where another model is the remedy, the command that names one is told: a retry keeps its."""
    for code in ANOTHER_MODEL:
        assert "`videomoments run FILE --model OTHER`" in remedy_of(code), code
    for code in ("model_refused", "no_usable_answer", "no_model"):
        assert "videomoments retry" not in remedy_of(code), code


def test_what_was_deleted_comes_back_by_a_run_from_the_beginning() -> None:
    """The same request alone would be the same failed run."""
    for code in ("unknown_moment", "no_transcript"):
        assert "`videomoments delete talk-1`, then run it again" in remedy_of(code, "talk-1")


def test_an_unknown_model_is_added_by_a_command() -> None:
    """No table has to be written by hand."""
    assert "`videomoments models set`" in remedy_of("unknown_model")
