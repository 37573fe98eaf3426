"""The code that an error carries, or that its type and errno imply."""

from __future__ import annotations

import errno

import pytest

from shared.error_codes.environment import (
    DISK_FULL,
    OUT_OF_MEMORY,
    PERMISSION_DENIED,
    SETTINGS_INVALID,
)
from shared.error_codes.error_code import ErrorCode
from shared.error_codes.models import MODEL_UNAVAILABLE
from shared.error_codes.runs import ASKED_TO_WAIT, INTERRUPTED, OBJECT_CHANGED, TRANSIENT
from shared.error_codes.storage import SOURCE_SLOW, STORAGE_UNAVAILABLE
from shared.error_codes.videos import NOT_MEDIA
from shared.errors import (
    LanguageModelUnavailable,
    MediaError,
    ObjectChanged,
    Reject,
    SettingsError,
    StorageUnavailable,
    code_of,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Reject(NOT_MEDIA, "This is not a video."), NOT_MEDIA),
        (StorageUnavailable("gs://b/o", "503"), STORAGE_UNAVAILABLE),
        (ObjectChanged("gs://b/o", "1"), OBJECT_CHANGED),
        (MediaError("It failed."), TRANSIENT),
        (MediaError("The source is slow.", SOURCE_SLOW), SOURCE_SLOW),
        (LanguageModelUnavailable("No answer."), MODEL_UNAVAILABLE),
        (LanguageModelUnavailable("Too many requests.", 30.0), ASKED_TO_WAIT),
        (SettingsError("Nothing is set."), SETTINGS_INVALID),
        (OSError(errno.ENOSPC, "No space left on device"), DISK_FULL),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DISK_FULL),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), OUT_OF_MEMORY),
        (MemoryError(), OUT_OF_MEMORY),
        (PermissionError(errno.EACCES, "Permission denied"), PERMISSION_DENIED),
        (OSError("No space left on device"), TRANSIENT),
        (KeyError("x"), TRANSIENT),
        (KeyboardInterrupt(), INTERRUPTED),
        (SystemExit(1), INTERRUPTED),
    ],
)
def test_code_of_names_what_happened(error: BaseException, code: ErrorCode) -> None:
    """The text of an error is never read."""
    assert code_of(error) == code
