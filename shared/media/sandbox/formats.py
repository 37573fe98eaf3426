"""The containers and protocols that a child may open, for ffmpeg and for PyAV.

A protocol whitelist alone does not stop a playlist renamed to .mp4 from opening another local file,
so both libavformat's formats and its protocols are closed lists.
"""

from __future__ import annotations

FORMAT_WHITELIST = ",".join(
    (
        "mov,matroska,webm,mpegts,mpeg,avi,flv,ogg,mp3,wav,w64,aac,flac,asf,aiff,caf,amr,ac3,eac3",
        "mxf",
    )
)
_LOCAL_PROTOCOLS = "file,pipe"
_REMOTE_PROTOCOLS = "http,tcp,pipe"


def is_remote(location: str) -> bool:
    """True if `location` is the loopback URL of an object rather than a path."""
    return location.startswith("http://")


def protocol_whitelist(location: str) -> str:
    """Only the protocols that reading `location` and writing to a pipe need."""
    return _REMOTE_PROTOCOLS if is_remote(location) else _LOCAL_PROTOCOLS
