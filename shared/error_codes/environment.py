"""Faults of the machine, its database and its settings. Stages are retried after them."""

from __future__ import annotations

from shared.error_codes.error_code import ErrorCode

DATABASE_UNAVAILABLE = ErrorCode(
    "database_unavailable",
    "The database did not answer in time, or it ended the connection.",
    "`videomoments doctor` tests the connection.",
)
DISK_FULL = ErrorCode(
    "disk_full",
    "The disk is full.",
    "Free some space for temporary files, the buckets' files and the database; "
    "`videomoments gc` may find some.",
)
OUT_OF_MEMORY = ErrorCode(
    "out_of_memory",
    "The machine ran out of memory, or the system killed the process to free some.",
    "Give the functions more memory, or run fewer of them at the same time.",
)
PERMISSION_DENIED = ErrorCode(
    "permission_denied",
    "This account is not allowed to use a file or folder.",
    "Allow the account to read and write the file or folder that the message names.",
)
SETTINGS_INVALID = ErrorCode(
    "settings_invalid",
    "A setting is missing or wrong.",
    "Correct the setting that the message names; `videomoments doctor` checks the settings.",
)
