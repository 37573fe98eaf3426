"""Plain words for transient errors: the probable cause and the remedy."""

from __future__ import annotations

import re
from typing import NamedTuple


class Cause(NamedTuple):
    """Both are whole sentences."""

    meaning: str
    remedy: str


_ANSWERS_NOW = "`videomoments doctor` says whether it can be used now."
# By what the recorded error says; the first that fits.
_CAUSES = tuple(
    (re.compile(sign), Cause(meaning, remedy))
    for sign, meaning, remedy in (
        (
            r"(?i)No space left|Disk quota exceeded|\b53100\b|disk is full",
            "There was no room left on the disk.",
            "Make room where temporary files and the buckets' files are; `videomoments gc` may "
            "find some.",
        ),
        (
            r"Cannot allocate memory|MemoryError|ended with -9\b",
            "Memory ran out, or the system killed the work to get some.",
            "Give the functions more memory, or let fewer work at the same time.",
        ),
        (r"StorageUnavailable", "The store of the files did not answer.", _ANSWERS_NOW),
        (
            r"answered, but not in",
            "Something answered, but it was no language model.",
            "Correct VIDEOMOMENTS_LLM_URL: it ends where the API begins, mostly in /v1.",
        ),
        (
            r"ModelUnavailable: The model (?P<model>\S+) ",
            "The language model did not answer.",
            r"`VIDEOMOMENTS_MODEL=\g<model> videomoments doctor` says whether it can be used now.",
        ),
        (r"ModelUnavailable", "The language model did not answer.", _ANSWERS_NOW),
        (
            r"PermissionError|Permission denied",
            "A file or folder may not be used by this account.",
            "Allow it to read and write there.",
        ),
        (
            r"OperationalError|InterfaceError|QueuePool limit",
            "The database did not answer in time.",
            _ANSWERS_NOW,
        ),
        (
            r"worker was not heard of",
            "Its worker ended in the middle of it, or lost touch with the database.",
            "If that goes on, see the workers' logs: they may lack memory, or be stopped.",
        ),
    )
)
_TYPE = re.compile(r"\b[A-Z]\w*(?:Error|Unavailable|Missing|Exception|Failed): (?:\[Errno \d+\] )?")


def cause_of(message: str | None) -> Cause | None:
    """What an error that may pass most likely was; None where nobody can tell from its text."""
    for sign, cause in _CAUSES:
        if found := sign.search(message or ""):
            return cause._replace(remedy=found.expand(cause.remedy))
    return None


def without_types(message: str) -> str:
    """The message without the names that errors have in the code."""
    return _TYPE.sub("", message)
