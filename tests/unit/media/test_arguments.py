"""ffmpeg's command lines as data; no program runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.media_info import AudioStream, MediaInfo, SubtitleStream, VideoStream
from shared.domain.spans import TimeSpan
from shared.media.sandbox.arguments import encode_arguments, speech_arguments, text_arguments
from shared.media.sandbox.process import Limits

INFO = MediaInfo(
    container="mpegts",
    duration_seconds=60.0,
    video=VideoStream(0, "hevc", 640, 360, 25.0, "yuv420p"),
    audio=AudioStream(2, "ac3", 48_000, 6),
    origin_seconds=1000.5,
)
LIMITS = Limits(max_pixels=1234, threads=3)


def value_after(arguments: list[str], option: str) -> str:
    """The argument after `option`."""
    return arguments[arguments.index(option) + 1]


def encode(location: str = "/somewhere/source", **changes: object) -> list[str]:
    """The arguments that encode 10…20 s of INFO in the given way."""
    settings: dict[str, object] = {
        "shown_from_seconds": 9.98,
        "audio_encoder": "aac",
        "output": Path("/somewhere/clip.mp4"),
        "muxer": "mp4",
        "limits": LIMITS,
    }
    return encode_arguments(location, INFO, TimeSpan(10.0, 20.0), **(settings | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "arguments",
    [
        encode(),
        speech_arguments("/somewhere/source", INFO, LIMITS),
        text_arguments("/somewhere/source", INFO, SubtitleStream(3, "subrip"), LIMITS),
    ],
)
def test_arguments_restrict_every_command(arguments: list[str]) -> None:
    """Formats, protocols and limits are set and the terminal is off, all before the input."""
    before = arguments[: arguments.index("-i")]
    assert value_after(before, "-protocol_whitelist") == "file,pipe"
    assert "mov" in value_after(before, "-format_whitelist").split(",")
    assert not {"hls", "concat", "image2", "dash"} & set(
        value_after(before, "-format_whitelist").split(",")
    )
    assert value_after(before, "-max_pixels") == "1234"
    assert value_after(before, "-threads") == "3"
    assert {"-nostdin", "-hide_banner", "-loglevel", "error"} <= set(before)
    assert value_after(arguments, "-i") == "file:/somewhere/source"


def test_arguments_allow_the_network_for_a_loopback_source_only() -> None:
    """A loopback URL may use http and tcp, but not files."""
    arguments = encode("http://127.0.0.1:9/token")
    assert value_after(arguments, "-protocol_whitelist") == "http,tcp,pipe"
    assert value_after(arguments, "-i") == "http://127.0.0.1:9/token"


def test_arguments_trim_by_the_files_own_clock() -> None:
    """Trims are absolute: the file's origin plus the window, wherever ffmpeg sees the start."""
    arguments = encode()
    graph = value_after(arguments, "-filter_complex")
    assert "[0:0]trim=end=1020.499500:start=1010.479500" in graph
    assert "[0:2]atrim=end=1020.500000:start=1010.500000" in graph
    assert "-copyts" in arguments
    assert float(value_after(arguments, "-ss")) == pytest.approx(1000.5 + 9.98 - 1.0)
    assert value_after(arguments, "-seek_timestamp") == "1"


def test_arguments_keep_frame_times_when_encoding() -> None:
    """H.264 4:2:0 with a fine time base and no constant frame rate; stereo at most."""
    arguments = encode()
    assert value_after(arguments, "-vcodec") == "libx264"
    assert value_after(arguments, "-pix_fmt") == "yuv420p"
    assert value_after(arguments, "-fps_mode") == "vfr"
    assert value_after(arguments, "-enc_time_base") == "1:90000"
    assert value_after(arguments, "-movflags") == "+faststart"
    assert value_after(arguments, "-ac") == "2"


def test_arguments_leave_the_picture_out_when_only_sound_is_wanted() -> None:
    """No picture is mapped or encoded."""
    arguments = encode(shown_from_seconds=None, muxer="ipod", output=Path("/somewhere/clip.m4a"))
    assert "-vcodec" not in arguments
    assert "[0:0]" not in value_after(arguments, "-filter_complex")


def test_speech_arguments_span_the_whole_recording() -> None:
    """The output is 16 kHz mono s16le; a late start is padded, and it ends with the duration."""
    arguments = speech_arguments("/somewhere/source", INFO, LIMITS)
    graph = value_after(arguments, "-filter_complex")
    assert "asetpts=PTS-(1000.500000)/TB" in graph
    assert "aresample=16000:async=1:first_pts=0:min_hard_comp=0.04" in graph
    assert value_after(arguments, "-t") == "60.000000"
    assert value_after(arguments, "-f") == "s16le"
    assert arguments[-1] == "pipe:1"


def test_speech_arguments_refuse_a_recording_without_sound() -> None:
    """Asking for speech without sound is an error of the caller."""
    with pytest.raises(ValueError, match="no such stream"):
        speech_arguments("/somewhere/source", MediaInfo("mp4", 1.0, INFO.video, None), LIMITS)
