"""Where `run --out` puts its copies, and what a full disk is told as."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from cli.run.copies import folder_names
from cli.run.requests import RequestedRun
from shared.storage.local_file import whole_file


def test_files_of_one_name_have_folders_of_their_own() -> None:
    """Two talks called talk do not write over each other; the same file twice is one folder."""
    runs = [
        RequestedRun(Path("a/talk.mp4"), "first"),
        RequestedRun(Path("b/talk.mp4"), "second"),
        RequestedRun(Path("a/talk.mp4"), "first"),
        RequestedRun(Path("talk.mov"), "third"),
        RequestedRun(Path("other.mp4"), "fourth"),
    ]
    assert folder_names(runs) == ["talk", "talk-2", "talk", "talk-3", "other"]


def test_a_refused_file_takes_nobodys_name() -> None:
    """There is nothing of it to copy, so the next of its name is not the second."""
    runs = [RequestedRun(Path("a/talk.mp4"), None), RequestedRun(Path("b/talk.mp4"), "first")]
    assert folder_names(runs)[1] == "talk"


def test_a_full_disk_is_told_with_its_file(tmp_path: Path) -> None:
    """The error names the file that found no room, and no part of it stays."""
    with pytest.raises(OSError, match="No room") as caught, whole_file(tmp_path / "clip.mp4"):
        raise OSError(errno.ENOSPC, "No room")
    assert caught.value.filename == str(tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []
