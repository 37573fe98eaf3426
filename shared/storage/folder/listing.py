"""The names of the objects below a bucket's folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from shared.storage.folder.disk_names import is_hidden_folder, to_name, to_path


def list_names(folder: Path, prefix: str) -> list[str]:
    """Names that start with `prefix`, in the order of their UTF-8 bytes, as stores list them."""
    names = (to_name(path) for path in _paths(folder, prefix))
    found = [name for name in names if name is not None and name.startswith(prefix)]
    return sorted(found, key=os.fsencode)


def _paths(folder: Path, prefix: str) -> Iterator[str]:
    """Relative paths of regular files, starting from the deepest folder that the prefix fixes."""
    parents, _, _ = prefix.rpartition("/")
    pending = [to_path(parents) if parents else ""]
    while pending:
        relative = pending.pop()
        for entry in _entries(folder / relative):
            path = f"{relative}/{entry.name}" if relative else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not is_hidden_folder(entry.name):
                    pending.append(path)
            elif _is_object(entry, folder.parent):
                yield path


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_object(entry: os.DirEntry[str], root: Path) -> bool:
    if entry.is_symlink():
        return entry.is_file() and Path(entry.path).resolve().is_relative_to(root)
    return entry.is_file()
