"""The parser of SRT and WebVTT."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.engines.speech.subtitle_cues import Subtitles, parse_subtitles


def parse(text: str) -> Subtitles:
    """The subtitles of a UTF-8 file."""
    return parse_subtitles(text.encode(), language="en")


def texts(subtitles: Subtitles) -> list[str]:
    """The text of each segment."""
    return [s.text for s in subtitles.transcript.segments]


SRT = """1
00:00:01,000 --> 00:00:02,500
Hello there.

2
00:01:03,250 --> 00:01:05,000
Two
lines.
"""


@pytest.mark.parametrize(
    "data",
    [
        SRT.encode(),
        codecs.BOM_UTF8 + SRT.replace("\n", "\r\n").encode(),
        SRT.replace("\n", "\r").encode(),
        SRT.encode("utf-16"),
        SRT.replace("1\n00", "00").replace("\n\n2", "").encode(),
        ("WEBVTT - title\n\n" + SRT.replace(",", ".").replace("00:0", "0")).encode(),
    ],
    ids=["plain", "mark and crlf", "cr", "utf-16", "no numbers or blank lines", "vtt"],
)
def test_captions_of_every_file_form_are_equal(data: bytes) -> None:
    """Line ends, byte order marks, missing numbers and missing hours change nothing."""
    subtitles = parse_subtitles(data, language="en")
    assert texts(subtitles) == ["Hello there.", "Two lines."]
    assert [(s.start_seconds, s.end_seconds) for s in subtitles.transcript.segments] == [
        (1.0, 2.5),
        (63.25, 65.0),
    ]
    assert subtitles.skipped_cues == 0


def test_captions_time_words_by_their_length() -> None:
    """A longer word gets a longer part of its cue, and the words together fill the cue."""
    words = parse("00:00:10,000 --> 00:00:12,000\nI understand\n").transcript.words
    assert [w.text for w in words] == ["I", "understand"]
    assert (words[0].start_seconds, words[1].end_seconds) == (10, 12)
    assert words[0].end_seconds == words[1].start_seconds == pytest.approx(10.308, abs=0.001)


@pytest.mark.parametrize(
    ("line", "spoken"),
    [
        ("<i>So</i> <font color='#fff'>it</font> is", "So it is"),
        ("{\\an8}Up here", "Up here"),
        ("<v Roger Bingham>We are in New York", "We are in New York"),
        ("one<00:00:01.500><c> two</c>", "one two"),
        ("Fish &amp; chips &lt;now&gt;&nbsp;!", "Fish & chips <now> !"),
        (">> ANNA: Good morning", "Good morning"),
        ("- No.", "No."),
        ("[applause] Thank you", "Thank you"),
        ("\u266a La la \u266a", "La la"),
        ("if 3 < 4 and 5 > 4", "if 3 < 4 and 5 > 4"),
        ("NOTE this well", "NOTE this well"),
    ],
)
def test_captions_keep_spoken_words_only(line: str, spoken: str) -> None:
    """Styling, entities, speaker labels and sounds are removed; all other text stays."""
    assert texts(parse(f"00:00:01,000 --> 00:00:03,000\n{line}\n")) == [spoken]


def test_captions_count_sounds_without_words() -> None:
    """A cue with only a sound gives no segment."""
    subtitles = parse("00:01.000 --> 00:02.000\n[Music]\n\n00:02.000 --> 00:03.000\n(door slams)\n")
    assert (subtitles.transcript.words, subtitles.sound_cues) == ((), 2)


def test_captions_skip_and_count_malformed_cues() -> None:
    """A bad timing costs its own cue only."""
    subtitles = parse(
        "1\n00:00:01,000 --> 00:00:xx\nlost\n\n2\n00:00:05,000 --> 00:00:04,000\nbackwards\n\n"
        "3\n00:00:06,000 --> 00:00:07,000\nkept\n"
    )
    assert (texts(subtitles), subtitles.skipped_cues) == (["kept"], 2)


def test_captions_ignore_notes_styles_and_regions() -> None:
    """WebVTT's other blocks give no text."""
    subtitles = parse(
        "WEBVTT\nKind: subtitles\n\nSTYLE\n::cue { color: red }\n\nNOTE\nnot said\n\n"
        "intro\n00:01.000 --> 00:02.000 align:start position:0%\nsaid\n\nNOTE more\n"
    )
    assert (texts(subtitles), subtitles.skipped_cues) == (["said"], 0)


def test_captions_continue_an_srt_cue_after_a_blank_line() -> None:
    """Text after the blank line belongs to the same cue."""
    subtitles = parse(
        "1\n00:00:01,000 --> 00:00:04,000\none\n\ntwo\n\n2\n00:00:05,000 --> 00:00:06,000\nthree\n"
    )
    assert texts(subtitles) == ["one two", "three"]


def test_captions_unroll_rolling_cues() -> None:
    """Each line appears once, although every cue shows the previous line again."""
    lines = ["so today", "we will look", "at the moon", "and at mars", "and home"]
    cues = ["00:00:00.000 --> 00:00:02.000\nso today\n"]
    for i in range(1, len(lines)):
        at = i * 2
        cues.append(f"00:00:{at - 1:02}.990 --> 00:00:{at:02}.000\n{lines[i - 1]}\n")
        cues.append(f"00:00:{at:02}.000 --> 00:00:{at + 2:02}.000\n{lines[i - 1]}\n{lines[i]}\n")
    subtitles = parse("WEBVTT\n\n" + "\n".join(cues))
    assert texts(subtitles) == lines


def test_captions_keep_words_said_twice() -> None:
    """Two equal cues in a row are not rolling captions."""
    subtitles = parse(
        "00:01.000 --> 00:02.000\nNo.\n\n00:02.000 --> 00:03.000\nNo.\n\n"
        "00:03.000 --> 00:04.000\nYes.\n"
    )
    assert texts(subtitles) == ["No.", "No.", "Yes."]


def test_captions_merge_two_speakers_at_once_into_one_segment() -> None:
    """Cues shown together keep the words of both."""
    subtitles = parse("00:01.000 --> 00:03.000\n- Go!\n\n00:01.000 --> 00:02.000\n- No!\n")
    assert texts(subtitles) == ["Go! No!"]


def test_captions_fall_back_to_windows_1252() -> None:
    """A file that is not UTF-8 is read as Windows-1252."""
    data = "00:00:01,000 --> 00:00:02,000\nCafé — naïve\n".encode("cp1252")
    assert [s.text for s in parse_subtitles(data, language="fr").transcript.segments] == [
        "Café — naïve"
    ]


def stamp(milliseconds: int) -> str:
    """A time as SRT writes it."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02},{rest:03}"


cue = st.tuples(st.integers(0, 8_000_000), st.integers(1, 20_000), st.integers(1, 12))


@given(st.lists(cue, max_size=20))
def test_captions_neither_lose_nor_double_a_word(cues: list[tuple[int, int, int]]) -> None:
    """However cues overlap, each word appears once, in order of time, with a positive length."""
    blocks, expected = [], []
    for number, (start, length, count) in enumerate(cues):
        said = [f"w{number}x{i}" for i in range(count)]
        expected += said
        blocks.append(f"{number}\n{stamp(start)} --> {stamp(start + length)}\n{' '.join(said)}\n")
    transcript = parse("\n".join(blocks)).transcript
    assert sorted(w.text for w in transcript.words) == sorted(expected)
    assert transcript.full_text == " ".join(w.text for w in transcript.words)
    at = 0.0
    for word in transcript.words:
        assert at <= word.start_seconds < word.end_seconds
        at = word.end_seconds


@given(
    st.one_of(
        st.binary(max_size=300), st.text("0123:,.-> \n<[(&;{\\N", max_size=200).map(str.encode)
    )
)
def test_captions_never_raise(data: bytes) -> None:
    """Any input gives a transcript, possibly an empty one."""
    parse_subtitles(data, language="en")
