"""The project's sample video."""

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


def test_sample_carries_its_narration_as_cues(text_track: str) -> None:
    """Each sentence of the narration is one cue, in order."""
    cues = parse_subtitles(text_track.encode(), language="en").transcript.segments
    spoken = [sentence for topic in TOPICS for sentence in topic.sentences]
    assert [cue.text for cue in cues] == spoken


def test_sample_pauses_longest_between_topics(text_track: str) -> None:
    """Cues do not overlap, and pauses between topics exceed those within one."""
    cues = parse_subtitles(text_track.encode(), language="en").transcript.segments
    pauses = [after.start_seconds - before.end_seconds for before, after in pairwise(cues)]
    first, second = len(TOPICS[0].sentences), len(TOPICS[0].sentences + TOPICS[1].sentences)
    between = [pauses.pop(second - 1), pauses.pop(first - 1)]
    assert 0 <= max(pauses) < min(between)


def test_sample_is_small_and_has_regular_keyframes() -> None:
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
