"""Every error code, with its meaning and its remedy: declared here and nowhere else.

`docs/errors.md` and `videomoments explain` are made from these tables. A test holds them against
the code: what is given somewhere is declared, and what is declared is given somewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.error_codes.commands import COMMAND_CODES
from shared.error_codes.language_models import LANGUAGE_MODEL_CODES
from shared.error_codes.pipelines import PIPELINE_CODES
from shared.error_codes.recordings import RECORDING_CODES
from shared.error_codes.stores import STORE_CODES
from shared.errors import ErrorCode

__all__ = ["ERROR_CODES", "ErrorCode", "meaning_of", "remedy_of"]

TABLES = (RECORDING_CODES, PIPELINE_CODES, STORE_CODES, LANGUAGE_MODEL_CODES, COMMAND_CODES)
ERROR_CODES: Mapping[str, ErrorCode] = {
    code: declared for table in TABLES for code, declared in table.items()
}
_UNKNOWN = ErrorCode(
    "Another version of VideoMoments gave this code.",
    "Upgrade, and look the code up in docs/errors.md; then `videomoments retry VIDEO`.",
)


def meaning_of(code: str) -> str:
    """What the code means, in a sentence."""
    return ERROR_CODES.get(code, _UNKNOWN).meaning


def remedy_of(code: str, video: str | None = None) -> str:
    """What to do about it; with `video` the commands carry that video's identifier."""
    remedy = ERROR_CODES.get(code, _UNKNOWN).remedy
    return remedy.replace("VIDEO`", f"{video}`") if video is not None else remedy
