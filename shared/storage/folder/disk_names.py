"""Object names as paths below a bucket's folder, and back.

An object whose name is an ordinary file name lies under that name. A path component that a file
system cannot hold (empty, `.`, `..`, above 255 bytes), or that would count as hidden or unfinished,
becomes one or more components that begin with `=~` and end with `+`, or with `~` for the last one.
This is a bijection between object names and the paths of listed files; a file at any other path is
not an object.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

_MARK, _MORE, _END = "=~", "+", "~"
_MAX_PART_BYTES = 255
_PIECE_BYTES = 240
_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload")


def is_plain(part: str) -> bool:
    """Whether a component can be a file name as it is. False for hidden or unfinished files."""
    return (
        part != ""
        and not part.startswith((".", _MARK))
        and not part.lower().endswith(_UNFINISHED)
        and len(os.fsencode(part)) <= _MAX_PART_BYTES
    )


def is_hidden_folder(part: str) -> bool:
    """Whether a folder of that name holds no objects."""
    return part.startswith(".")


def to_path(name: str) -> str:
    """The relative path of the object of that name. It never contains `..`."""
    return "/".join(part for component in name.split("/") for part in _encode(component))


def to_name(path: str) -> str | None:
    """The name of the object at a relative path, or None if no object can lie there."""
    components = list(_decode(path.split("/")))
    if None in components:
        return None
    name = "/".join(component for component in components if component is not None)
    return name if to_path(name) == path else None


def _encode(component: str) -> Sequence[str]:
    if is_plain(component):
        return (component,)
    *full, last = list(_pieces(component)) or [""]
    return (*(f"{_MARK}{piece}{_MORE}" for piece in full), f"{_MARK}{last}{_END}")


def _pieces(component: str) -> Iterator[str]:
    piece, size = "", 0
    for character in component:
        width = len(os.fsencode(character))
        if size + width > _PIECE_BYTES:
            yield piece
            piece, size = "", 0
        piece, size = piece + character, size + width
    if piece:
        yield piece


def _decode(parts: Sequence[str]) -> Iterator[str | None]:
    open_pieces: list[str] = []
    for part in parts:
        if not part.startswith(_MARK):
            # The escape begins and never ends: another program wrote this file.
            yield None if open_pieces else part
            continue
        open_pieces.append(part[len(_MARK) : -1])
        if part.endswith(_END):
            yield "".join(open_pieces)
            open_pieces = []
    if open_pieces:
        yield None
