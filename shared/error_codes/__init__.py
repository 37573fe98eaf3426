"""Every error code, by its word.

Each is declared once, in the module of its subject, and given by that constant.
`docs/errors.md` and `videomoments explain` are made from the declarations.
"""

from __future__ import annotations

from collections.abc import Mapping

from shared.error_codes import commands, environment, models, runs, storage, videos
from shared.error_codes.error_code import ErrorCode

__all__ = ["ERROR_CODES", "ErrorCode", "declared"]

ERROR_CODES: Mapping[str, ErrorCode] = {
    code: code
    for module in (commands, environment, models, runs, storage, videos)
    for code in vars(module).values()
    if isinstance(code, ErrorCode)
}


def declared(word: str | None) -> ErrorCode:
    """The declaration of a code read from the database, which another version may have written."""
    return ERROR_CODES.get(word or "") or ErrorCode(
        word or "unknown",
        "Another version of VideoMoments recorded this code.",
        "Upgrade, and look the code up in docs/errors.md; then `videomoments retry VIDEO`.",
    )
