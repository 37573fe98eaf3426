"""How an error code is declared."""

from __future__ import annotations


class ErrorCode(str):
    """A stable snake_case word with two whole sentences about it: what it means, what to do.

    In the commands of `remedy`, `VIDEO` stands for the video's identifier.
    """

    meaning: str
    remedy: str

    def __new__(cls, code: str, meaning: str, remedy: str) -> ErrorCode:
        """The word itself; it compares, hashes and is stored as a `str`."""
        made = super().__new__(cls, code)
        made.meaning = meaning
        made.remedy = remedy
        return made

    def remedy_for(self, video: str) -> str:
        """The remedy with the video's identifier in its commands."""
        return self.remedy.replace("VIDEO`", f"{video}`")
