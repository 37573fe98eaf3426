"""Every error the project raises on purpose; anything else is a bug or the outside world."""

from __future__ import annotations

from typing import NamedTuple


class VideoMomentsError(Exception):
    """Base of all errors raised on purpose."""


class Reject(VideoMomentsError):
    """Permanent: trying again cannot help. Recorded on the stage run and acknowledged.

    `code` is a stable snake_case word (docs/errors.md lists them all), `message` one readable
    sentence saying what was wrong and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotThere(Reject):
    """What the message names is not there.

    Permanent only when nothing can bring it any more: while a stage before this one is at work,
    the message has come too early, and is tried again without being counted.
    """


class SourceGone(Reject):
    """The source object no longer exists; the pipeline ends `source_gone`."""

    def __init__(self, url: str) -> None:
        super().__init__("source_gone", f"The source {url} no longer exists. Upload it again.")


class SourceSuperseded(Reject):
    """The source object was overwritten since the pipeline began; it ends `superseded`."""

    def __init__(self, url: str) -> None:
        super().__init__(
            "superseded", f"The source {url} was overwritten. The newer version has its own run."
        )


class MalformedMessage(VideoMomentsError):
    """A body that is no message of ours nor a storage event: 400, then dead-lettered."""


class PublishFailed(VideoMomentsError):
    """The broker did not take every message: transient, publish all of them again."""


class LeaseLost(VideoMomentsError):
    """Our lease was taken over before we finished: nothing of ours may be committed."""


class StorageError(VideoMomentsError):
    """Base of what an object store answers. Not a `Reject` of itself: most of it is transient."""

    def __init__(self, url: str, message: str) -> None:
        super().__init__(f"{url}: {message}")
        self.url = url


class ObjectMissing(StorageError):
    """No object of this name (or not at this generation any more)."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "no such object")


class ObjectChanged(StorageError):
    """The object's generation is no longer the one that was pinned."""

    def __init__(self, url: str, expected: str, found: str | None = None) -> None:
        super().__init__(url, f"generation is {found or 'another'}, expected {expected}")
        self.expected = expected
        self.found = found


class ObjectExists(StorageError):
    """An only-if-absent upload found an object already there."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "exists already")


class StorageUnavailable(StorageError):
    """The store could not be reached or kept failing after retries: transient."""


class MediaError(VideoMomentsError):
    """A media child failed without saying that the input is to blame: transient."""


class LanguageModelUnavailable(VideoMomentsError):
    """A language model gave no answer (rate limit, server error, time-out): transient.

    `retry_after_seconds`: how long the server asked to wait, if it did. `may_cost`: it was at work
    on the answer, as far as anybody knows, and will be paid for that.
    """

    def __init__(
        self, message: str, retry_after_seconds: float | None = None, *, may_cost: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.may_cost = may_cost


class SettingsError(VideoMomentsError):
    """A setting is missing or wrong; the message names it and the remedy."""


class ErrorCode(NamedTuple):
    """Both are whole sentences. In commands, `VIDEO` stands for the video's identifier."""

    meaning: str
    remedy: str
