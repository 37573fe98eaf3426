"""What is found in files, good and bad. Real ffmpeg and PyAV."""

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
    opened,
)
from tests.support.media.factory import make_video, run_ffmpeg


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_input_is_understood(case: Case, tmp_path: Path) -> None:
    """Container, codecs, size and duration are what the file was made with."""
    _, info = opened(case.make(tmp_path / case.name))
    assert info.container == case.container
    assert (info.video.codec if info.video else None) == case.video
    assert (info.audio.codec if info.audio else None) == case.audio
    assert info.duration_seconds == pytest.approx(6.0, abs=0.1)
    assert not info.is_cut_short
    assert info.resolution == ("320x180" if case.video else None)
    if info.video is not None:
        assert info.video.frame_rate == pytest.approx(25.0, abs=0.5)


def test_a_turned_phone_video_is_as_shown(tmp_path: Path) -> None:
    """Width and height are those after rotation, which is told clockwise."""
    _, info = opened(make_video(tmp_path / "phone.mp4", rotate=90))
    assert info.video is not None
    assert (info.resolution, info.video.rotation_degrees) == ("180x320", 270)


def test_late_sound_is_told(tmp_path: Path) -> None:
    """The sound's start is on the recording's timeline, whose 0 is the first picture."""
    _, info = opened(make_video(tmp_path / "late.mkv", audio_delay_seconds=1.5))
    assert info.audio is not None
    assert info.audio.start_seconds == pytest.approx(1.5, abs=0.05)
    assert info.origin_seconds == pytest.approx(0.0, abs=0.05)


def test_the_default_of_two_sounds_is_chosen(tmp_path: Path) -> None:
    """Languages are kept, and the track marked default is the one listened to."""
    extra = ("-disposition:a:0", "0", "-disposition:a:1", "default")
    languages = ("eng", "deu")
    first = make_video(tmp_path / "1.mkv", audio_tracks=2, audio_languages=languages)
    second = make_video(tmp_path / "2.mkv", audio_tracks=2, audio_languages=languages, extra=extra)
    tracks = [opened(path)[1].audio for path in (first, second)]
    assert [(track.index, track.language) for track in tracks if track] == [(1, "eng"), (2, "deu")]


def test_a_single_picture_is_a_video(tmp_path: Path) -> None:
    """One frame lasts as long as a frame."""
    _, info = opened(make_video(tmp_path / "one.mp4", seconds=0.04, audio=None))
    assert info.duration_seconds == pytest.approx(0.04)


def test_a_recording_without_a_written_duration(tmp_path: Path) -> None:
    """A live recording's length is found from its packets."""
    path = make_video(tmp_path / "live.mkv", extra=("-live", "1", "-f", "matroska"))
    assert opened(path)[1].duration_seconds == pytest.approx(6.0, abs=0.1)


def test_a_text_track_is_read_on_the_recordings_timeline(tmp_path: Path) -> None:
    """Its cues come as SRT, with the times they are shown at."""
    cues = "1\n00:00:01,000 --> 00:00:02,500\nGood evening, Grüße!\n"
    for name in ("talk.mkv", "talk.mp4"):
        source, info = opened(make_video(tmp_path / name, subtitles=cues))
        (track,) = info.subtitles
        text = extract_text_track(source, info, track, sandbox=SANDBOX)
        assert "00:00:01,000 --> 00:00:02,500" in text
        assert "Good evening, Grüße!" in text


def rejected(path: Path, **settings: float) -> str:
    """The code with which `path` is refused; its message must be one readable sentence or two."""
    with pytest.raises(Reject) as error:
        probe(LocalInput(path), sandbox=SANDBOX, **settings)
    assert error.value.message.endswith(".")
    return error.value.code


def test_what_is_no_media_is_refused(tmp_path: Path) -> None:
    """Nothing, text and noise each get the code that says so."""
    for name, content, code in (
        ("empty.mp4", b"", "empty_file"),
        ("text.mp4", b"hello world\n" * 100, "not_media"),
        ("noise.mp4", bytes(range(256)) * 400, "not_media"),
    ):
        (tmp_path / name).write_bytes(content)
        assert rejected(tmp_path / name) == code


@pytest.mark.parametrize(
    "playlist",
    [
        "ffconcat version 1.0\nfile '{target}'\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:6,\n{target}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:6,\nfile://{target}\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_in_disguise_opens_nothing(tmp_path: Path, playlist: str) -> None:
    """A playlist renamed .mp4 that leads to another local file is no media to PyAV or ffmpeg."""
    target = make_video(tmp_path / "private.ts")
    disguised = tmp_path / "harmless.mp4"
    disguised.write_text(playlist.format(target=target))
    assert rejected(disguised) == "not_media"
    _, info = opened(target)
    with pytest.raises(Reject) as error:
        list(
            split_audio(
                LocalInput(disguised), info, target_slice_seconds=10, workdir=tmp_path,
                sandbox=SANDBOX,
            )
        )  # fmt: skip
    assert error.value.code == "damaged_media"


def test_a_file_cut_short(tmp_path: Path) -> None:
    """Without its index it is damaged; with it, as long as its packets, which is told; almost
    empty: damaged."""
    whole = make_video(tmp_path / "whole.mp4").read_bytes()
    fast = make_video(tmp_path / "fast.mp4", faststart=True).read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    assert rejected(cut) == "damaged_media"
    cut.write_bytes(fast[: len(fast) // 2])
    info = opened(cut)[1]
    assert 2.0 < info.duration_seconds < 4.0
    assert (info.is_cut_short, round(info.claimed_seconds)) == (True, 6)
    cut.write_bytes(fast[:9000])
    assert rejected(cut) == "damaged_media"


def patched(content: bytes, box: bytes, offset: int, value: int) -> bytes:
    """`content` with 4 bytes at `offset` behind the name of the first `box` replaced."""
    at = content.index(box) + 4 + offset
    return content[:at] + struct.pack(">I", value) + content[at + 4 :]


def test_a_lying_header_is_corrected(tmp_path: Path) -> None:
    """A header of 46 days over 6 s of packets: 6 s."""
    path = make_video(tmp_path / "lies.mp4", faststart=True)
    path.write_bytes(patched(path.read_bytes(), b"mvhd", 16, 0xF0000000))
    info = opened(path)[1]
    assert info.duration_seconds == pytest.approx(6.0, abs=0.1)
    assert not info.is_cut_short


def test_lying_packet_times_are_refused(tmp_path: Path) -> None:
    """Pictures hours apart in half a megabyte: the file claims what it cannot hold."""
    path = make_video(tmp_path / "lies.mp4", faststart=True)
    path.write_bytes(patched(path.read_bytes(), b"stts", 12, 0x70000000))
    assert rejected(path) == "duration_lies"


def test_protected_and_oversized_files_are_refused(tmp_path: Path) -> None:
    """Encryption, too many pixels and too long a recording have codes of their own."""
    plain = make_video(tmp_path / "plain.mp4")
    protected = tmp_path / "protected.mp4"
    run_ffmpeg(
        "-i", str(plain), "-c", "copy", "-encryption_scheme", "cenc-aes-ctr",
        "-encryption_key", "0" * 31 + "1", "-encryption_kid", "0" * 31 + "2", str(protected),
    )  # fmt: skip
    assert rejected(protected) == "encrypted_media"
    assert rejected(plain, max_duration_seconds=5.0) == "too_long"
    small = replace(LIMITS, max_pixels=320 * 180 - 1)
    with pytest.raises(Reject) as error:
        probe(LocalInput(plain), sandbox=Sandbox(small, DEADLINE_SECONDS))
    assert error.value.code == "too_many_pixels"


def test_text_alone_is_no_recording(tmp_path: Path) -> None:
    """A file with neither picture nor sound is refused."""
    cues = "1\n00:00:01,000 --> 00:00:02,500\nGood evening\n"
    path = make_video(tmp_path / "text.mkv", codec=None, audio=None, subtitles=cues)
    assert rejected(path) == "no_streams"
