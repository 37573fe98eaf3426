"""docs/errors.md: every error code, its meaning and its remedy, from the declarations."""

from __future__ import annotations

from shared.error_codes import ERROR_CODES, ErrorCode


def errors_page(notice: str) -> str:
    """The codes in alphabetical order."""
    return "\n".join(
        [
            "# Error codes",
            "",
            notice,
            "",
            "A stage run that failed, was skipped or waits for another attempt carries one of "
            "these codes and a message (`stage_runs.error_code`, `error_message`). `videomoments "
            "status` shows both; `videomoments explain VIDEO` says what to do. A refused command "
            "prints only the message. A stage run that waits is retried automatically. After a "
            "failure, first do what the last column says; then `videomoments retry VIDEO` runs "
            "the failed stages again.",
            "",
            "| code | meaning | what to do |",
            "| --- | --- | --- |",
            *(_row(ERROR_CODES[word]) for word in sorted(ERROR_CODES)),
            "",
        ]
    )


def _row(code: ErrorCode) -> str:
    cells = (f"`{code}`", code.meaning, code.remedy)
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
