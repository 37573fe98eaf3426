"""Why a push is not let in."""

from __future__ import annotations

from shared.errors import VideoMomentsError


class Unauthenticated(VideoMomentsError):
    """The push brings no token, or a token that proves nothing: 401."""


class Forbidden(VideoMomentsError):
    """The token is genuine, and its account may not push here: 403."""


class KeysUnavailable(VideoMomentsError):
    """The key set could not be fetched: transient, and no verdict on the token."""
