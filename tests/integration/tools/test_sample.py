"""The sample that the project ships."""

from __future__ import annotations

import subprocess
from itertools import pairwise

import av
import pytest

from shared.engines.speech.subtitle_cues import parse_subtitles
from shared.media.sandbox.runner import find_ffmpeg
from tools.sample.make_sample import KEYFRAME_SECONDS, TARGET
from tools.sample.narration import TOPICS


@pytest.fixture(scope="module")
def text_track() -> str:
    """The sample's text track as SubRip."""
    command = [find_ffmpeg(None), "-v", "error", "-i", str(TARGET), "-map", "0:s", "-f", "srt", "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode()


def test_it_carries_exactly_what_the_script_says(text_track: str) -> None:
    """Sample and script belong together: each sentence is a cue of its own, in order."""
    cues = parse_subtitles(text_track.encode(), language="en").transcript.segments
    spoken = [sentence for topic in TOPICS for sentence in topic.sentences]
    assert [cue.text for cue in cues] == spoken


def test_topics_are_apart(text_track: str) -> None:
    """Cues do not overlap, and the pause between two topics is longer than any within one."""
    cues = parse_subtitles(text_track.encode(), language="en").transcript.segments
    pauses = [after.start_seconds - before.end_seconds for before, after in pairwise(cues)]
    first, second = len(TOPICS[0].sentences), len(TOPICS[0].sentences + TOPICS[1].sentences)
    between = [pauses.pop(second - 1), pauses.pop(first - 1)]
    assert 0 <= max(pauses) < min(between)


def test_it_is_small_and_can_be_cut_anywhere() -> None:
    """Under 1.5 MB, 75 to 110 s, H.264 with AAC, and a keyframe every two seconds."""
    assert TARGET.stat().st_size < 1_500_000
    with av.open(str(TARGET)) as media:
        stream = media.streams.video[0]
        assert media.duration is not None
        assert 75 <= media.duration / av.time_base <= 110
        codecs = (stream.codec_context.name, media.streams.audio[0].codec_context.name)
        assert codecs == ("h264", "aac")
        keyframes = [
            float(packet.pts * stream.time_base)
            for packet in media.demux(stream)
            if packet.is_keyframe and packet.pts is not None and stream.time_base is not None
        ]
    assert max(b - a for a, b in pairwise(keyframes)) <= KEYFRAME_SECONDS + 1e-6
