"""The plan of a clip, without a file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.media_info import AudioStream, MediaInfo, VideoStream
from shared.domain.spans import TimeSpan
from shared.media.cut_plan import (
    MAX_KEYFRAME_MOVE_SECONDS,
    choose_output,
    max_head_move_seconds,
    max_tail_move_seconds,
    padded_window,
    ways_to_cut,
)


def info(video: str | None, audio: str | None, pixel_format: str = "yuv420p") -> MediaInfo:
    """A minute of media with these codecs."""
    return MediaInfo(
        container="mp4",
        duration_seconds=60.0,
        video=VideoStream(0, video, 640, 360, 25.0, pixel_format) if video else None,
        audio=AudioStream(1, audio, 48_000, 2) if audio else None,
    )


def test_cut_plan_clamps_padding_to_the_recording() -> None:
    """Padding reaches neither before 0 nor past the end."""
    window = padded_window(
        TimeSpan(1.0, 58.0), left_seconds=5.0, right_seconds=5.0, duration_seconds=60.0
    )
    assert window == TimeSpan(0.0, 60.0)


def test_cut_plan_refuses_a_moment_past_the_end() -> None:
    """A span wholly outside the recording is refused."""
    with pytest.raises(ValueError, match="not a time span"):
        padded_window(
            TimeSpan(61.0, 70.0), left_seconds=0.5, right_seconds=0.0, duration_seconds=60.0
        )


@pytest.mark.parametrize(
    ("video", "audio", "format_", "encode", "treatment"),
    [
        ("h264", "aac", "mp4", False, "copy"),
        ("h264", "mp3", "mp4", False, "copy"),
        ("h264", "opus", "mp4", False, "aac"),
        ("h264", "pcm_s16le", "mp4", False, "aac"),
        ("h264", None, "mp4", False, None),
        ("av1", "aac", "mp4", False, "copy"),
        ("av1", "opus", "webm", False, "copy"),
        ("av1", None, "mp4", False, None),
        ("vp9", "opus", "webm", False, "copy"),
        ("vp8", "vorbis", "webm", False, "copy"),
        ("vp9", "aac", "webm", False, "opus"),
        ("hevc", "aac", "mp4", True, "copy"),
        ("mpeg4", "ac3", "mp4", True, "aac"),
        ("prores", "pcm_s16le", "mp4", True, "aac"),
        (None, "aac", "m4a", False, "copy"),
        (None, "mp3", "mp3", False, "copy"),
        (None, "opus", "webm", False, "copy"),
        (None, "flac", "m4a", False, "aac"),
        (None, "pcm_s16le", "m4a", False, "aac"),
    ],
)
def test_cut_plan_copies_streams_that_browsers_play(
    video: str | None, audio: str | None, format_: str, encode: bool, treatment: str | None
) -> None:
    """In copy mode the container follows the codecs, and only unplayable streams are re-encoded."""
    output = choose_output(info(video, audio), "copy")
    assert (output.name, output.encode_video, output.audio) == (format_, encode, treatment)


@pytest.mark.parametrize(
    ("codec", "pixel_format"),
    [("h264", "yuv420p10le"), ("h264", "yuv444p"), ("vp9", "yuv420p10le"), ("av1", "yuv444p")],
)
def test_cut_plan_re_encodes_pixel_formats_that_browsers_cannot_show(
    codec: str, pixel_format: str
) -> None:
    """A playable codec with an unplayable bit depth or chroma becomes H.264 in mp4."""
    output = choose_output(info(codec, "aac", pixel_format), "copy")
    assert (output.encode_video, output.name) == (True, "mp4")


def test_cut_plan_re_encodes_the_picture_in_exact_mode() -> None:
    """Exact clips are H.264 in mp4 whatever the source."""
    output = choose_output(info("vp9", "opus"), "exact")
    assert (output.name, output.encode_video, output.audio) == ("mp4", True, "aac")


def test_cut_plan_falls_back_to_re_encoding_everything() -> None:
    """The second attempt re-encodes all streams; there is only one attempt if both are equal."""
    ways = ways_to_cut(info("h264", "mp3"), "copy")
    assert [(way.encode_video, way.audio) for way in ways] == [(False, "copy"), (True, "aac")]
    assert [way.name for way in ways_to_cut(info(None, "mp3"), "copy")] == ["mp3", "m4a"]
    assert len(ways_to_cut(info("hevc", "ac3"), "copy")) == 1
    assert len(ways_to_cut(info(None, "flac"), "copy")) == 1


def test_cut_plan_refuses_media_without_picture_and_sound() -> None:
    """A file with neither stream is refused."""
    with pytest.raises(ValueError, match="neither picture nor sound"):
        choose_output(info(None, None), "copy")


spans = st.tuples(st.floats(0, 1000, allow_nan=False), st.floats(0.5, 300, allow_nan=False)).map(
    lambda pair: TimeSpan(pair[0], pair[0] + pair[1])
)


@given(spans, st.floats(0, 40))
def test_max_moves_never_double_the_length_of_a_clip(window: TimeSpan, head: float) -> None:
    """The tail may move by the rest that the head left of the clip's length and of the bound."""
    head = min(head, max_head_move_seconds(window), window.start_seconds)
    tail = max_tail_move_seconds(window, window.start_seconds - head)
    assert head + tail <= window.length_seconds + 1e-6
    assert 0 <= tail <= MAX_KEYFRAME_MOVE_SECONDS
    if window.length_seconds > 2 * MAX_KEYFRAME_MOVE_SECONDS:
        assert tail == MAX_KEYFRAME_MOVE_SECONDS


def test_max_moves_leave_the_tail_the_rest_of_the_head() -> None:
    """A 4 s clip that begins 3 s early may end at most 1 s late."""
    window = TimeSpan(10.0, 14.0)
    assert max_head_move_seconds(window) == 4.0
    assert max_tail_move_seconds(window, 7.0) == pytest.approx(1.0)
