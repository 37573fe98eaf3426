"""What a user can put right is one line; a bug keeps its trace."""

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
def test_errors_of_the_file_system_name_the_file_and_the_remedy(number: int, word: str) -> None:
    """One line with the path, what is wrong and what to do."""
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
def test_a_database_that_goes_away_is_one_line(original: Exception, word: str) -> None:
    """A full disk, a server shut down and a lost connection each say what to do."""
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
def test_a_bug_keeps_its_trace(error: Exception) -> None:
    """What no user can put right is not made a line."""
    assert one_line(error) is None
