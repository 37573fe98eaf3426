"""Reasons to refuse a push."""

from __future__ import annotations

from shared.errors import VideoMomentsError


class Unauthenticated(VideoMomentsError):
    """The push has no token, or an invalid one: 401."""


class Forbidden(VideoMomentsError):
    """The token is valid, but its account may not push here: 403."""


class KeysUnavailable(VideoMomentsError):
    """The key set could not be fetched: transient, and no verdict on the token."""
