"""Codes that only tests raise."""

from __future__ import annotations

from shared.error_codes.error_code import ErrorCode

NOISE = ErrorCode("noise", "There is only noise.", "Nothing.")
BAD_CUT = ErrorCode("bad_cut", "The video cannot be cut.", "Nothing.")
