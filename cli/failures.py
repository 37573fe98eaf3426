"""Errors that a user can fix, in one line instead of a trace."""

from __future__ import annotations

import errno

_DISK_FULL = "53100"
_OUT_OF_SPACE = {errno.ENOSPC, errno.EDQUOT}
_REMEDIES = {
    errno.EACCES: "Choose another folder with --data or --out, or allow writing there",
    errno.EPERM: "Choose another folder with --data or --out, or allow writing there",
    errno.EROFS: "Choose another folder with --data or --out: this one is read-only",
    errno.ENOENT: "Choose another folder or file: this one does not exist and cannot be made",
    errno.ENOTDIR: "Part of this path is a file; choose another folder",
    errno.EEXIST: "A file with this name is in the way; choose another folder",
    errno.EISDIR: "A folder with this name is in the way; move it",
    errno.ENAMETOOLONG: "Give it a shorter name",
    errno.ELOOP: "Symbolic links in this path form a loop; correct them",
    errno.EIO: "The disk reports errors; check it",
    errno.EMFILE: "Too many files are open; raise the limit (ulimit -n)",
    errno.ENFILE: "Too many files are open on this machine",
}
_SERVERS_FAULT = ("53", "57P", "58", "08")
"""SQLSTATE classes: out of resources, ended by an operator, system error, connection."""
_AGAIN = "When it is back, run the same command again: it continues where it stopped."
_FULL = (
    "The disk is full. Make room, then run the same command again: it continues where it stopped."
)


def one_line(error: Exception) -> str | None:
    """What happened and what to do, or None if the error is a bug or says enough itself."""
    if isinstance(error, OSError):
        return _about_files(error)
    return _about_database(error)


def _about_files(error: OSError) -> str | None:
    where = f"{error.filename}: " if error.filename is not None else ""
    if error.errno in _OUT_OF_SPACE:
        return f"{where}{_FULL}"
    remedy = _REMEDIES.get(error.errno or 0)
    return f"{where}{error.strerror}. {remedy}." if remedy is not None else None


def _about_database(error: Exception) -> str | None:
    """A full disk or a server that went away; None for an error in a statement."""
    original = getattr(error, "orig", None)
    if original is None:
        return None
    details = original.args[0] if original.args else None
    if not isinstance(details, dict):
        said = " ".join(str(original).split()).rstrip(".")
        return f"The database went away: {said or type(original).__name__}. {_AGAIN}"
    if details.get("C") == _DISK_FULL:
        return f"The database: {_FULL}"
    if str(details.get("C", "")).startswith(_SERVERS_FAULT):
        return f"The database: {details.get('M', 'it ended the session')}. {_AGAIN}"
    return None
