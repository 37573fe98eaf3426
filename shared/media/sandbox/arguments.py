"""Build ffmpeg command lines as plain data; `sandbox.runner` runs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ffmpeg

from shared.domain.media_info import MediaInfo, SubtitleStream
from shared.domain.spans import TimeSpan
from shared.media.sandbox.formats import FORMAT_WHITELIST, is_remote, protocol_whitelist
from shared.media.sandbox.process import Limits

SPEECH_SAMPLE_RATE_HZ = 16_000
_QUIET = ("-nostdin", "-hide_banner", "-loglevel", "error", "-y")
_SEEK_MARGIN_SECONDS = 1.0
_SLOWEST_RATE = 10
# Fills gaps and drops overlaps of 40 ms (one frame of video) or more.
_RESAMPLE: dict[str, Any] = {"async": 1, "first_pts": 0, "min_hard_comp": 0.04}
_ENCODERS: dict[str, dict[str, Any]] = {
    "aac": {"acodec": "aac", "b:a": "160k"},
    "opus": {"acodec": "libopus", "b:a": "128k", "ar": 48_000},
}


def speech_arguments(location: str, info: MediaInfo, limits: Limits) -> list[str]:
    """The chosen audio as raw 16 kHz mono s16le on standard output.

    The first sample is at 0 s of the video: a late beginning and every gap are filled with silence,
    and sound before 0 s is cut off. The output is never longer than the video.
    """
    source = _input(location, limits)
    sound = (
        source[str(_index(info.audio))]
        .filter("asetpts", f"PTS-({_seconds(info.origin_seconds)})/TB")
        .filter("aresample", SPEECH_SAMPLE_RATE_HZ, **_RESAMPLE)
    )
    output = ffmpeg.output(
        sound,
        "pipe:1",
        format="s16le",
        acodec="pcm_s16le",
        ac=1,
        ar=SPEECH_SAMPLE_RATE_HZ,
        t=_seconds(info.duration_seconds),
    )
    return _compile(output)


def encode_arguments(
    location: str,
    info: MediaInfo,
    window: TimeSpan,
    *,
    shown_from_seconds: float | None,
    audio_encoder: str | None,
    output: Path,
    muxer: str,
    limits: Limits,
) -> list[str]:
    """Re-encode exactly `window`: the picture to H.264 4:2:0, the sound by `audio_encoder`.

    `shown_from_seconds` is the time of the picture that is on screen when the window begins; the
    clip begins with that picture. None omits the picture. `audio_encoder` is "aac" or "opus"; None
    omits the sound. Rotation is applied. Frames keep their times at any rate; frames are added to
    slide shows.
    """
    first = window.start_seconds if shown_from_seconds is None else shown_from_seconds
    seek = min(first, window.start_seconds) - _SEEK_MARGIN_SECONDS
    source = _input(location, limits, seek_to=info.origin_seconds + seek if seek > 0 else None)
    streams: list[Any] = []
    options: dict[str, Any] = {}
    if shown_from_seconds is not None:
        streams.append(_picture(source, info, window, shown_from_seconds))
        options |= _H264 | {"threads": limits.threads}
    if audio_encoder is not None:
        streams.append(_sound(source, info, window))
        options |= _ENCODERS[audio_encoder]
        if info.audio is not None and info.audio.channels > 2:
            options["ac"] = 2
    if muxer in {"mp4", "ipod"}:
        options["movflags"] = "+faststart"
    target = f"file:{output}"
    return _compile(ffmpeg.output(*streams, target, format=muxer, map_metadata=-1, **options))


_H264: dict[str, Any] = {
    "vcodec": "libx264",
    "preset": "veryfast",
    "crf": 20,
    "pix_fmt": "yuv420p",
    "profile:v": "high",
    "fps_mode": "vfr",
    "enc_time_base": "1:90000",
}


def text_arguments(
    location: str, info: MediaInfo, stream: SubtitleStream, limits: Limits
) -> list[str]:
    """A text track as SRT on standard output, with times on the video's timeline."""
    source = _input(location, limits)
    output = ffmpeg.output(
        source[str(stream.index)],
        "pipe:1",
        format="srt",
        scodec="srt",
        output_ts_offset=_seconds(-info.origin_seconds),
    )
    return _compile(output)


def _picture(source: Any, info: MediaInfo, window: TimeSpan, shown_from: float) -> Any:
    start = _seconds(info.origin_seconds + window.start_seconds)
    # Half a millisecond of slack, because containers round times to the millisecond.
    entry = _seconds(info.origin_seconds + shown_from - 0.0005)
    end = _seconds(info.origin_seconds + window.end_seconds - 0.0005)
    picture = (
        source[str(_index(info.video))]
        .filter("trim", start=entry, end=end)
        .filter("settb", "1/90000")
        .filter("setpts", f"max(PTS-({start})/TB,0)")
    )
    video = info.video
    if video is not None and (video.frame_rate or _SLOWEST_RATE) < _SLOWEST_RATE:
        # Without more frames the last picture would outlast the end of the clip.
        length = _seconds(window.end_seconds - window.start_seconds)
        picture = picture.filter("fps", _SLOWEST_RATE).filter("trim", end=length)
    if video is not None and min(video.width, video.height) < 2:
        picture = picture.filter("scale", "max(iw,2)", "max(ih,2)")
    return picture.filter("crop", "trunc(iw/2)*2", "trunc(ih/2)*2", 0, 0)


def _sound(source: Any, info: MediaInfo, window: TimeSpan) -> Any:
    start = _seconds(info.origin_seconds + window.start_seconds)
    end = _seconds(info.origin_seconds + window.end_seconds)
    return (
        source[str(_index(info.audio))]
        .filter("atrim", start=start, end=end)
        .filter("asetpts", f"PTS-({start})/TB")
        .filter("aresample", **_RESAMPLE)
    )


def _input(location: str, limits: Limits, *, seek_to: float | None = None) -> Any:
    """The input, with the file's own timestamps (-copyts).

    Filters place them on the video's timeline, because ffmpeg versions disagree on where a file
    begins.
    """
    options: dict[str, Any] = {
        "protocol_whitelist": protocol_whitelist(location),
        "format_whitelist": FORMAT_WHITELIST,
        "max_pixels": limits.max_pixels,
        "threads": limits.threads,
        "copyts": None,
    }
    if seek_to is not None:
        options |= {"ss": _seconds(seek_to), "seek_timestamp": 1, "noaccurate_seek": None}
    return ffmpeg.input(location if is_remote(location) else f"file:{location}", **options)


def _index(stream: Any) -> int:
    if stream is None:
        raise ValueError("the video has no such stream")
    return int(stream.index)


def _seconds(value: float) -> str:
    return f"{value:.6f}"


def _compile(output: Any) -> list[str]:
    arguments: list[str] = ffmpeg.get_args(output)
    return [*_QUIET, *arguments]
