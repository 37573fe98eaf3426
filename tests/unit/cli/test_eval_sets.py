"""Labelled sets: the accepted forms, the refused ones, and the project's own sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.evaluation.labelled_set import LabelledSet, read_set
from shared.errors import Reject
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.extractive.method import moments_and_topics
from tools.labelled_sets.make_sets import PARTS, long_set, main, short_set, texts

SETS = Path(__file__).parents[3] / "cli" / "evaluation" / "sets"
WORDS = [["Bees", 0.0, 0.4], ["dance.", 0.5, 0.9]]


def _written(folder: Path, content: object) -> Path:
    path = folder / "set.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def _item(**fields: Any) -> dict[str, Any]:
    return {"name": "bees", "words": WORDS, "moments": [[0, 0.9]], **fields}


@pytest.mark.parametrize("part", PARTS)
def test_kept_sets_equal_those_made_from_their_texts(part: str) -> None:
    """Making the sets again gives the same content."""
    kept = json.loads((SETS / f"{part}.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(short_set(part))) == kept


def test_kept_sets_share_no_text() -> None:
    """No text of the tuning part occurs in the held-out part."""
    tuned, held_out = ({p.text for t in texts(part) for p in t.passages} for part in PARTS)
    assert tuned
    assert held_out
    assert not tuned & held_out


def test_set_reads_words_as_lists_or_objects_with_any_known_time_names(tmp_path: Path) -> None:
    """The forms that other tools write give the same transcript and marks."""
    objects = [{"word": w, "start_time": a, "end_time": b} for w, a, b in WORDS]
    plain = read_set(_written(tmp_path, {"items": [_item()]})).items[0]
    other = _item(words=objects, moments=[{"start_seconds": 0, "end_seconds": 0.9}])
    read = read_set(_written(tmp_path, [other])).items[0]
    assert read.transcript() == plain.transcript()
    assert read.reference == plain.reference


def test_set_spreads_words_over_a_segment_without_word_times(tmp_path: Path) -> None:
    """A segment's words keep their times; without words, its text is spread over the segment."""
    segments = [
        {"text": "They sing.", "start": 2.0, "end": 4.0},
        {"text": "Bees dance.", "start": 0.0, "end": 1.0, "words": WORDS},
    ]
    item = read_set(
        _written(tmp_path, [{"name": "a", "segments": segments, "topic_boundaries": [2, 1]}])
    ).items[0]
    transcript = item.transcript()
    assert transcript is not None
    assert [w.text for w in transcript.words] == ["Bees", "dance.", "They", "sing."]
    assert transcript.words[1].end_seconds == 0.9
    assert 2.0 <= transcript.words[2].start_seconds < transcript.words[3].end_seconds <= 4.0
    assert item.topic_boundaries == [1, 2]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"items": []}, "at least 1 item"),
        ([{"name": "a", "moments": []}], "neither media nor words"),
        ([{"name": "a", "words": WORDS}], "neither moments nor topic_boundaries"),
        ([_item(moments=[[5, 3]])], "not after its start"),
        ([_item(moments=[[5]])], "Field required"),
        ([_item(), _item()], "more than one item is named bees"),
        ("text", "should be an object"),
    ],
)
def test_set_is_refused_with_place_and_reason_when_it_cannot_be_measured(
    tmp_path: Path, content: object, says: str
) -> None:
    """The message names the place and the reason."""
    with pytest.raises(Reject, match=says) as caught:
        read_set(_written(tmp_path, content))
    assert caught.value.code == "labelled_set_invalid"


def test_set_is_refused_when_it_is_not_json(tmp_path: Path) -> None:
    """The answer is an error message, not a traceback."""
    path = tmp_path / "set.json"
    path.write_bytes(b"\xff\xfe{")
    with pytest.raises(Reject, match="cannot be read"):
        read_set(path)


def test_generator_finds_most_moments_in_recordings_of_hours() -> None:
    """In three hours of small talk most moments match at 0.5, and no word is cut."""
    items = LabelledSet.model_validate_json(json.dumps(long_set("held_out"))).items
    item = next(i for i in items if i.name == "three-hours")
    transcript, moments = item.transcript(), item.reference.moments
    assert transcript is not None
    assert moments is not None
    assert item.duration_seconds is not None
    assert item.duration_seconds > 10_000
    found, _ = moments_and_topics(
        transcript,
        duration_seconds=item.duration_seconds,
        bounds=Bounds(5, 90, 1, item.bounds.max_moments or 10),
    )
    met = sum(
        any(
            2 * m.span.overlap_seconds(r) >= max(m.span.length_seconds, r.length_seconds)
            for m in found
        )
        for r in moments
    )
    assert met >= 0.55 * len(moments)


def test_script_writes_both_sets_into_the_given_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both sets lie in the folder afterwards."""
    monkeypatch.setattr("sys.argv", ["make_sets", str(tmp_path)])
    main()
    assert {p.name for p in tmp_path.iterdir()} == {f"{part}.json" for part in PARTS}
    for part in PARTS:
        assert (tmp_path / f"{part}.json").read_bytes() == (SETS / f"{part}.json").read_bytes()
