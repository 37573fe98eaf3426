"""The names that the pipeline builds, and their recognition."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.names import (
    FOLDERS,
    clip_url,
    derived_folders,
    moment_identifier,
    own_name,
    pipeline_identifier,
    plan_name,
    slice_url,
    thumbnail_url,
    video_identifier,
)

ROOT = "gs://derived"


@given(
    stem=st.text(max_size=80),
    generation=st.text(max_size=20),
    number=st.integers(1, 120),
    token=st.uuids(),
    index=st.integers(0, 200_000),
)
def test_own_name_recognises_every_name_built(
    stem: str, generation: str, number: int, token: uuid.UUID, index: int
) -> None:
    """For any video, attempt and slice, each name is known and lies in the video's folders."""
    video = video_identifier(f"gs://uploads/{stem}", generation, stem)
    moment = moment_identifier(video, "hash", 1.0, 2.0)
    pipeline = pipeline_identifier(video, {"type": "full"})
    attempt = f"{number:02d}-{token.hex[:10]}"
    planned = f"{plan_name(generation)}-{attempt}"
    made = {
        clip_url(ROOT, video, moment, planned, "mp4"): ("clip", None),
        thumbnail_url(ROOT, video, moment, planned): ("thumbnail", None),
        thumbnail_url(ROOT, video, "video", planned): ("thumbnail", None),
        slice_url(ROOT, pipeline, attempt, index): ("slice", pipeline),
    }
    for url, (kind, run) in made.items():
        name = own_name(url.removeprefix(f"{ROOT}/"))
        assert name is not None, url
        assert (name.kind, name.video, name.token) == (kind, video, token.hex[:10])
        assert name.pipeline == run
        assert url.removeprefix(f"{ROOT}/").startswith(derived_folders(video))
        assert url.removeprefix(f"{ROOT}/").startswith(FOLDERS)
