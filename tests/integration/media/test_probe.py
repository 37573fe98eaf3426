"""Facts of good and bad files, from real ffmpeg and PyAV."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import Reject
from shared.media.audio import split_audio
from shared.media.input import LocalInput
from shared.media.probe import probe
from shared.media.sandbox.runner import Sandbox
from shared.media.text_track import extract_text_track
from tests.support.media.cases import (
    CASES,
    DEADLINE_SECONDS,
    LIMITS,
    SANDBOX,
    Case,
    probed_input,
)
from tests.support.media.factory import make_video, run_ffmpeg


@pytest.mark.parametrize("case", CASES, ids=str)
def test_probe_describes_every_input(case: Case, tmp_path: Path) -> None:
    """Container, codecs, size and duration are those with which the file was made."""
    _, info = probed_input(case.make(tmp_path / case.name))
    assert info.container == case.container
    assert (info.video.codec if info.video else None) == case.video
    assert (info.audio.codec if info.audio else None) == case.audio
    assert info.duration_seconds == pytest.approx(6.0, abs=0.1)
    assert not info.is_cut_short
    assert info.resolution == ("320x180" if case.video else None)
    if info.video is not None:
        assert info.video.frame_rate == pytest.approx(25.0, abs=0.5)


def test_probe_gives_the_shown_size_of_a_rotated_video(tmp_path: Path) -> None:
    """Width and height are those after rotation, and the rotation is clockwise."""
    _, info = probed_input(make_video(tmp_path / "phone.mp4", rotate=90))
    assert info.video is not None
    assert (info.resolution, info.video.rotation_degrees) == ("180x320", 270)


def test_probe_gives_the_start_of_late_sound(tmp_path: Path) -> None:
    """The sound's start counts from the first picture."""
    _, info = probed_input(make_video(tmp_path / "late.mkv", audio_delay_seconds=1.5))
    assert info.audio is not None
    assert info.audio.start_seconds == pytest.approx(1.5, abs=0.05)
    assert info.origin_seconds == pytest.approx(0.0, abs=0.05)


def test_probe_chooses_the_default_of_two_audio_tracks(tmp_path: Path) -> None:
    """Languages are kept, and the default track is chosen."""
    extra = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    languages = ("eng", "deu")
    first = make_video(tmp_path / "1.mkv", audio_tracks=2, audio_languages=languages)
    second = make_video(tmp_path / "2.mkv", audio_tracks=2, audio_languages=languages, extra=extra)
    tracks = [probed_input(path)[1].audio for path in (first, second)]
    assert [(track.index, track.language) for track in tracks if track] == [(1, "eng"), (2, "deu")]


def test_probe_accepts_a_video_of_one_frame(tmp_path: Path) -> None:
    """The video lasts as long as its frame."""
    _, info = probed_input(make_video(tmp_path / "one.mp4", seconds=0.04, audio=None))
    assert info.duration_seconds == pytest.approx(0.04)


def test_probe_measures_the_duration_when_the_file_states_none(tmp_path: Path) -> None:
    """The duration of a live stream comes from its packets."""
    path = make_video(tmp_path / "live.mkv", extra=("-live", "1", "-f", "matroska"))
    assert probed_input(path)[1].duration_seconds == pytest.approx(6.0, abs=0.1)


def test_extract_text_track_gives_cues_on_the_videos_timeline(tmp_path: Path) -> None:
    """The cues are SRT with the times at which players show them."""
    cues = "1\n00:00:01,000 --> 00:00:02,500\nGood evening, Grüße!\n"
    for name in ("talk.mkv", "talk.mp4"):
        source, info = probed_input(make_video(tmp_path / name, subtitles=cues))
        (track,) = info.subtitles
        text = extract_text_track(source, info, track, sandbox=SANDBOX)
        assert "00:00:01,000 --> 00:00:02,500" in text
        assert "Good evening, Grüße!" in text


def rejection_code(path: Path, **settings: float) -> str:
    """The code with which probe rejects `path`; its message must end as a sentence."""
    with pytest.raises(Reject) as error:
        probe(LocalInput(path), sandbox=SANDBOX, **settings)
    assert error.value.message.endswith(".")
    return error.value.code


def test_probe_rejects_files_that_are_not_media(tmp_path: Path) -> None:
    """Empty files, text and noise get their codes."""
    for name, content, code in (
        ("empty.mp4", b"", "empty_file"),
        ("text.mp4", b"hello world\n" * 100, "not_media"),
        ("noise.mp4", bytes(range(256)) * 400, "not_media"),
    ):
        (tmp_path / name).write_bytes(content)
        assert rejection_code(tmp_path / name) == code


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile '{target}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:6,\n{target}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:6,\nfile://{target}\n#EXT-X-ENDLIST\n",
    ],
)
def test_probe_and_split_open_no_file_of_a_disguised_playlist(
    tmp_path: Path, playlist: str
) -> None:
    """A playlist named .mp4 that points to a local file is rejected by PyAV and ffmpeg."""
    target = make_video(tmp_path / "private.ts")
    disguised = tmp_path / "harmless.mp4"
    disguised.write_text(playlist.format(target=target))
    assert rejection_code(disguised) == "not_media"
    _, info = probed_input(target)
    with pytest.raises(Reject) as error:
        list(
            split_audio(
                LocalInput(disguised), info, target_slice_seconds=10, workdir=tmp_path,
                sandbox=SANDBOX,
            )
        )  # fmt: skip
    assert error.value.code == "damaged_media"


def test_probe_measures_a_truncated_file_if_its_index_is_left(tmp_path: Path) -> None:
    """A file with its index is marked as cut short; without it, or almost empty, it is damaged."""
    whole = make_video(tmp_path / "whole.mp4").read_bytes()
    fast = make_video(tmp_path / "fast.mp4", faststart=True).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    assert rejection_code(cut) == "damaged_media"
    cut.write_bytes(fast[: len(fast) // 2])
    info = probed_input(cut)[1]
    assert 2.0 < info.duration_seconds < 4.0
    assert (info.is_cut_short, round(info.claimed_seconds)) == (True, 6)
    cut.write_bytes(fast[:9000])
    assert rejection_code(cut) == "damaged_media"


def replace_field(content: bytes, box: bytes, offset: int, value: int) -> bytes:
    """Replace 4 bytes of `content` at `offset` after the name of the first `box`."""
    at = content.index(box) + 4 + offset
    return content[:at] + struct.pack(">I", value) + content[at + 4 :]


def test_probe_corrects_a_false_duration_in_the_header(tmp_path: Path) -> None:
    """A header of 46 days over 6 s of packets gives 6 s."""
    path = make_video(tmp_path / "lies.mp4", faststart=True)
    path.write_bytes(replace_field(path.read_bytes(), b"mvhd", 16, 0xF0000000))
    info = probed_input(path)[1]
    assert info.duration_seconds == pytest.approx(6.0, abs=0.1)
    assert not info.is_cut_short


def test_probe_rejects_false_packet_times(tmp_path: Path) -> None:
    """Pictures hours apart in half a megabyte are rejected."""
    path = make_video(tmp_path / "lies.mp4", faststart=True)
    path.write_bytes(replace_field(path.read_bytes(), b"stts", 12, 0x70000000))
    assert rejection_code(path) == "duration_lies"


def test_probe_rejects_encrypted_long_and_large_videos(tmp_path: Path) -> None:
    """Each has its own code."""
    plain = make_video(tmp_path / "plain.mp4")
    protected = tmp_path / "protected.mp4"
    run_ffmpeg(
        "-i", str(plain), "-c", "copy", "-encryption_scheme", "cenc-aes-ctr",
        "-encryption_key", "0" * 31 + "1", "-encryption_kid", "0" * 31 + "2", str(protected),
    )  # fmt: skip
    assert rejection_code(protected) == "encrypted_media"
    assert rejection_code(plain, max_duration_seconds=5.0) == "too_long"
    small = replace(LIMITS, max_pixels=320 * 180 - 1)
    with pytest.raises(Reject) as error:
        probe(LocalInput(plain), sandbox=Sandbox(small, DEADLINE_SECONDS))
    assert error.value.code == "too_many_pixels"


def test_probe_rejects_a_file_of_subtitles_only(tmp_path: Path) -> None:
    """A file with neither picture nor sound is rejected."""
    cues = "1\n00:00:01,000 --> 00:00:02,500\nGood evening\n"
    path = make_video(tmp_path / "text.mkv", codec=None, audio=None, subtitles=cues)
    assert rejection_code(path) == "no_streams"
