"""Every error that the project raises on purpose. Other errors are bugs or come from libraries."""

from __future__ import annotations

import errno

from shared.error_codes.environment import (
    DISK_FULL,
    OUT_OF_MEMORY,
    PERMISSION_DENIED,
    SETTINGS_INVALID,
)
from shared.error_codes.error_code import ErrorCode
from shared.error_codes.models import MODEL_UNAVAILABLE
from shared.error_codes.runs import (
    ASKED_TO_WAIT,
    INTERRUPTED,
    OBJECT_CHANGED,
    SOURCE_GONE,
    SUPERSEDED,
    TRANSIENT,
)
from shared.error_codes.storage import STORAGE_UNAVAILABLE

_CODES_BY_ERRNO = {
    errno.ENOSPC: DISK_FULL,
    errno.EDQUOT: DISK_FULL,
    errno.ENOMEM: OUT_OF_MEMORY,
    errno.EACCES: PERMISSION_DENIED,
    errno.EPERM: PERMISSION_DENIED,
}


class VideoMomentsError(Exception):
    """Base of all errors raised on purpose. `code` names the cause."""

    code: ErrorCode = TRANSIENT


class Reject(VideoMomentsError):
    """Permanent: a retry would not help. Recorded on the stage run and acknowledged.

    `message` is one readable sentence: what is wrong and what to do.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class NotThere(Reject):
    """The message names something that does not exist.

    Permanent only if nothing can create it any more. While an earlier stage is unfinished, the
    message has come too early; another attempt follows, and this one does not count.
    """


class SourceGone(Reject):
    """The source object no longer exists; the run ends as `source_gone`."""

    def __init__(self, url: str) -> None:
        super().__init__(SOURCE_GONE, f"The source {url} no longer exists. Upload it again.")


class SourceSuperseded(Reject):
    """The source object was overwritten since the run began, which ends as `superseded`."""

    def __init__(self, url: str) -> None:
        super().__init__(
            SUPERSEDED, f"The source {url} was overwritten. The newer version has its own run."
        )


class MalformedMessage(VideoMomentsError):
    """A body that is neither one of our messages nor a storage event: 400, then dead-lettered."""


class PublishFailed(VideoMomentsError):
    """The broker did not take every message: transient; publish all of them again."""


class LeaseLost(VideoMomentsError):
    """Another worker took our lease over before we finished: commit nothing."""


class StorageError(VideoMomentsError):
    """Base of an object store's errors. Not a `Reject` itself, because most are transient."""

    def __init__(self, url: str, message: str) -> None:
        super().__init__(f"{url}: {message}")
        self.url = url


class ObjectMissing(StorageError):
    """No object has this name (or no longer at this generation)."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "no such object")


class ObjectChanged(StorageError):
    """The object no longer has the pinned generation."""

    code = OBJECT_CHANGED

    def __init__(self, url: str, expected: str, found: str | None = None) -> None:
        super().__init__(url, f"generation is {found or 'another'}, expected {expected}")
        self.expected = expected
        self.found = found


class ObjectExists(StorageError):
    """An only-if-absent upload found an existing object."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "exists already")


class StorageUnavailable(StorageError):
    """The store could not be reached, or kept failing after retries: transient."""

    code = STORAGE_UNAVAILABLE


class MediaError(VideoMomentsError):
    """A media child failed, perhaps not because of its input: transient."""

    def __init__(self, message: str, code: ErrorCode = TRANSIENT) -> None:
        super().__init__(message)
        self.code = code


class LanguageModelUnavailable(VideoMomentsError):
    """A language model gave no answer (rate limit, server error, time-out): transient.

    `retry_after_seconds`: how long the server asked to wait, if it did. `may_cost`: the server may
    have worked on the answer, and may charge for it.
    """

    def __init__(
        self,
        message: str,
        retry_after_seconds: float | None = None,
        *,
        may_cost: bool = False,
        code: ErrorCode = MODEL_UNAVAILABLE,
    ) -> None:
        super().__init__(message)
        self.code = ASKED_TO_WAIT if retry_after_seconds else code
        self.retry_after_seconds = retry_after_seconds
        self.may_cost = may_cost


class SettingsError(VideoMomentsError):
    """A setting is missing or wrong; the message names it and the remedy."""

    code = SETTINGS_INVALID


def code_of(error: BaseException) -> ErrorCode:
    """The code that the error carries, or the one for its type and errno."""
    if isinstance(error, VideoMomentsError):
        return error.code
    if not isinstance(error, Exception):
        return INTERRUPTED
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    if isinstance(error, OSError):
        return _CODES_BY_ERRNO.get(error.errno or 0, TRANSIENT)
    return TRANSIENT
