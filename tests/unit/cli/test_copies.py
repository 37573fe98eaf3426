"""The folders of `run --out`'s copies, and the error when the disk is full."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from cli.run.copies import folder_names
from cli.run.requests import RequestedRun
from shared.storage.local_file import whole_file


def test_folder_names_number_files_of_the_same_name() -> None:
    """Two talks called talk get two folders; the same file twice gets one."""
    runs = [
        RequestedRun(Path("a/talk.mp4"), "first"),
        RequestedRun(Path("b/talk.mp4"), "second"),
        RequestedRun(Path("a/talk.mp4"), "first"),
        RequestedRun(Path("talk.mov"), "third"),
        RequestedRun(Path("other.mp4"), "fourth"),
    ]
    assert folder_names(runs) == ["talk", "talk-2", "talk", "talk-3", "other"]


def test_folder_names_skip_a_refused_file() -> None:
    """A refused file has nothing to copy, so the next file of its name gets no number."""
    runs = [RequestedRun(Path("a/talk.mp4"), None), RequestedRun(Path("b/talk.mp4"), "first")]
    assert folder_names(runs)[1] == "talk"


def test_whole_file_names_the_file_when_the_disk_is_full(tmp_path: Path) -> None:
    """The error names the file that found no room, and no part of the file stays."""
    with pytest.raises(OSError, match="No room") as caught, whole_file(tmp_path / "clip.mp4"):
        raise OSError(errno.ENOSPC, "No room")
    assert caught.value.filename == str(tmp_path / "clip.mp4")
    assert list(tmp_path.iterdir()) == []
