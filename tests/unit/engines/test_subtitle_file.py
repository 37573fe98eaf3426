"""The check whether subtitles can replace speech recognition."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.engines.speech.subtitle_file import language_in_name, read_subtitles, why_unusable

LINE = "this is what somebody says here"


def srt(cues: list[tuple[int, int, str]]) -> str:
    """An SRT file of (start, end, text), with times in seconds."""
    return "\n".join(
        f"00:{start // 60:02}:{start % 60:02},000 --> 00:{end // 60:02}:{end % 60:02},000\n{text}\n"
        for start, end, text in cues
    )


def judged(tmp_path: Path, text: str, duration_seconds: float) -> str | None:
    """The verdict on a file of this text."""
    path = tmp_path / "talk.en.srt"
    path.write_text(text)
    return why_unusable(read_subtitles(path, language=None), duration_seconds)


def test_subtitles_are_usable_when_they_cover_the_talk(tmp_path: Path) -> None:
    """A few sounds and one bad cue do not matter if the cues cover the whole recording."""
    cues = [(i * 4, i * 4 + 3, LINE if i % 5 else "[music]") for i in range(30)]
    text = srt(cues) + "\n00:00:xx --> 00:00:01\nbroken\n"
    assert judged(tmp_path, text, 125) is None


@pytest.mark.parametrize(
    ("text", "duration_seconds", "why"),
    [
        ("", 60, "no text"),
        (srt([(i, i + 1, "[music]") for i in range(30)]), 60, "sounds only"),
        (srt([(i * 4, i * 4 + 3, LINE) for i in range(30)]), 60, "the video ends at 60 s"),
        (srt([(i * 4, i * 4 + 3, LINE) for i in range(30)]), 300, "they end at 119 of 300 s"),
        (srt([(100, 103, "Paris, 1944"), (500, 503, "One year later")]), 600, "too few"),
        (srt([(0, 30, LINE)] + [(9, 5, LINE)] * 4), 60, "malformed"),
        (srt([(i, i + 1, LINE * 3) for i in range(30)]), 60, "nobody can say"),
    ],
)
def test_subtitles_are_refused_with_the_reason_when_unusable(
    tmp_path: Path, text: str, duration_seconds: float, why: str
) -> None:
    """Each kind of misfit has its own reason."""
    assert why in str(judged(tmp_path, text, duration_seconds))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("talk.en.srt", "en"),
        ("talk.pt-BR.vtt", "pt"),
        ("talk.eng.srt", "en"),
        ("talk.srt", None),
        ("v1.2.srt", None),
        ("talk.final.srt", None),
    ],
)
def test_subtitles_take_their_language_from_the_file_name(name: str, code: str | None) -> None:
    """Two or three letters before the suffix are a language; other parts are not."""
    assert language_in_name(name) == code


def test_subtitles_prefer_the_tracks_language_to_the_file_name(tmp_path: Path) -> None:
    """The track's own language wins; without any, it is undetermined."""
    for name, given, expected in [
        ("a.en.srt", "fr", "fr"),
        ("a.en.srt", None, "en"),
        ("a.srt", "und", "und"),
    ]:
        (tmp_path / name).write_text(srt([(0, 1, LINE)]))
        assert read_subtitles(tmp_path / name, language=given).transcript.language == expected
