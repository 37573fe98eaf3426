"""An error that a user can fix is one line; a bug keeps its trace."""

from __future__ import annotations

import errno
import os

import pytest
from sqlalchemy.exc import DBAPIError

from cli.failures import one_line


@pytest.mark.parametrize(
    ("number", "word"),
    [
        (errno.EACCES, "--data"),
        (errno.EROFS, "read-only"),
        (errno.ENOTDIR, "file"),
        (errno.EEXIST, "in the way"),
        (errno.ENOSPC, "Make room"),
        (errno.EDQUOT, "Make room"),
    ],
)
def test_failure_line_names_the_file_and_the_remedy_when_the_file_system_fails(
    number: int, word: str
) -> None:
    """One line gives the path, the fault and the remedy."""
    line = one_line(OSError(number, os.strerror(number), "/data/folder"))
    assert line is not None
    assert line.startswith("/data/folder: ")
    assert word in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("original", "word"),
    [
        (Exception({"C": "53100", "M": "could not extend file"}), "disk is full"),
        (Exception({"C": "57P01", "M": "terminating connection"}), "terminating connection"),
        (Exception("network error\non read"), "network error on read"),
    ],
)
def test_failure_line_gives_the_remedy_when_the_database_goes_away(
    original: Exception, word: str
) -> None:
    """A full disk, a stopped server and a lost connection each get one line with a remedy."""
    line = one_line(DBAPIError("SELECT 1", {}, original))
    assert line is not None
    assert word in line
    assert "same command again" in line
    assert "SELECT" not in line


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a bug"),
        OSError("without a number"),
        DBAPIError("SELECT x", {}, Exception({"C": "42703", "M": "column does not exist"})),
    ],
)
def test_failure_line_is_missing_when_the_error_is_a_bug(error: Exception) -> None:
    """An error that no user can fix is not shortened to one line."""
    assert one_line(error) is None
