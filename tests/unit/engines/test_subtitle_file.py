"""Whether subtitles can stand for what was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.engines.speech.subtitle_file import language_in_name, read_subtitles, why_unusable

LINE = "this is what somebody says here"


def srt(cues: list[tuple[int, int, str]]) -> str:
    """An SRT file of (start, end, text), times in seconds."""
    return "\n".join(
        f"00:{start // 60:02}:{start % 60:02},000 --> 00:{end // 60:02}:{end % 60:02},000\n{text}\n"
        for start, end, text in cues
    )


def judged(tmp_path: Path, text: str, duration_seconds: float) -> str | None:
    """The verdict on a file of this text."""
    path = tmp_path / "talk.en.srt"
    path.write_text(text)
    return why_unusable(read_subtitles(path, language=None), duration_seconds)


def test_subtitles_of_a_whole_talk_are_usable(tmp_path: Path) -> None:
    """Cues over the whole recording, a few sounds and one bad cue among them, will do."""
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
def test_unusable_subtitles_say_why(
    tmp_path: Path, text: str, duration_seconds: float, why: str
) -> None:
    """Each kind of misfit is refused with its own reason."""
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
def test_the_language_may_be_in_the_name(name: str, code: str | None) -> None:
    """Two or three letters before the ending are a language, other things are not."""
    assert language_in_name(name) == code


def test_the_language_given_goes_before_the_name(tmp_path: Path) -> None:
    """A track's own language is trusted more; without any it is undetermined."""
    for name, given, expected in [
        ("a.en.srt", "fr", "fr"),
        ("a.en.srt", None, "en"),
        ("a.srt", "und", "und"),
    ]:
        (tmp_path / name).write_text(srt([(0, 1, LINE)]))
        assert read_subtitles(tmp_path / name, language=given).transcript.language == expected
