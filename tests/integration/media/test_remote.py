"""The same operations on a remote object, read in ranges, without a download, at one generation."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.domain.media_info import MediaInfo
from shared.domain.spans import TimeSpan
from shared.errors import ObjectChanged
from shared.media.audio import split_audio
from shared.media.cut import cut_clip
from shared.media.input import open_input
from shared.media.probe import probe
from shared.media.thumbnail import make_thumbnail
from tests.support.media.cases import SANDBOX
from tests.support.media.factory import concat, make_video
from tests.support.media.readings import frame_numbers, tone_time
from tests.support.media.storage import RemoteStore

CODECS = {"a.mp4": "h264", "a.mkv": "h264", "a.ts": "h264", "hevc.mp4": "hevc"}


@pytest.mark.parametrize("name", CODECS)
def test_operations_give_the_same_results_for_a_remote_object(name: str, tmp_path: Path) -> None:
    """Probe, slices, clip and thumbnail of a served object match the file."""
    store = RemoteStore()
    url = store.put(make_video(tmp_path / name, codec=CODECS[name]))
    with open_input(store, url, generation="1", workdir=tmp_path) as source:
        info = probe(source, sandbox=SANDBOX)
        assert info.duration_seconds == pytest.approx(6.0, abs=0.1)
        slices = list(
            split_audio(
                source, info, target_slice_seconds=30, workdir=tmp_path, sandbox=SANDBOX,
            )
        )  # fmt: skip
        assert tone_time(slices[0].path, 3.0) == pytest.approx(3.0, abs=0.04)
        clip = cut_clip(
            source, info, window=TimeSpan(2.3, 4.1), mode="copy", workdir=tmp_path, sandbox=SANDBOX,
        )  # fmt: skip
        first = frame_numbers(clip.path)[0][1]
        assert clip.start_seconds == pytest.approx(first / 25, abs=0.045)
        picture = make_thumbnail(source, info, workdir=tmp_path, sandbox=SANDBOX)
        assert picture is not None
        assert source.bytes_read == store.bytes_read > 0


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_cut_clip_fetches_little_more_than_the_clip(suffix: str, tmp_path: Path) -> None:
    """From a long video, only the index and the window are read."""
    part = make_video(tmp_path / f"part{suffix}", seconds=20, size=(640, 360), gop_frames=50)
    path = concat([part] * 15, tmp_path / f"long{suffix}")
    store = RemoteStore()
    url = store.put(path)
    with open_input(store, url, generation="1", workdir=tmp_path) as source:
        info = probe(source, sandbox=SANDBOX)
        probed = source.bytes_read
        clip = cut_clip(
            source, info, window=TimeSpan(200.5, 229.5), mode="copy", workdir=tmp_path,
            sandbox=SANDBOX,
        )  # fmt: skip
        fetched = source.bytes_read - probed
    # Joined parts drift by some milliseconds each.
    assert (clip.start_seconds, clip.end_seconds) == pytest.approx((200.0, 230.0), abs=0.4)
    assert fetched < 1.35 * clip.size_bytes
    assert probed < 0.15 * path.stat().st_size


def test_split_audio_reports_a_change_when_the_object_is_overwritten(tmp_path: Path) -> None:
    """The caller gets ObjectChanged, not a damaged file."""
    store = RemoteStore()
    url = store.put(make_video(tmp_path / "a.mp4", seconds=20))

    def split() -> None:
        with open_input(store, url, generation="1", workdir=tmp_path) as source:
            info = probe(source, sandbox=SANDBOX)
            assert isinstance(info, MediaInfo)
            store.overwrite_after_reads = store.reads + 3
            list(
                split_audio(
                    source, info, target_slice_seconds=5, workdir=tmp_path, sandbox=SANDBOX,
                )
            )  # fmt: skip

    with pytest.raises(ObjectChanged):
        split()
