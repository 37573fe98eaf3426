"""Prompt sets, the model's prompt, and the reading of its answers."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.engines.llm.forms import Unreadable, read, schema_of
from shared.errors import Reject
from shared.model_calls.endpoints import key_named
from shared.moments.prompts.answers import Moments, Ranking, read_moments
from shared.moments.prompts.prompt_set import kinds, load_prompt_set
from shared.moments.prompts.questions import (
    Item,
    comparison_message,
    generation_message,
    refinement_message,
)
from shared.moments.rules.bounds import Bounds
from shared.moments.rules.proposals import Proposal, Rejected
from shared.moments.rules.ranking import CRITERIA
from shared.moments.rules.script import Script
from shared.moments.rules.windows import Window
from tests.support.llm.runs import talk
from tests.support.llm.server import moment

SCRIPT = Script.of(talk(40, seed=8), 300.0)
BOUNDS = Bounds(5, 60, 1, 5)


@pytest.mark.parametrize("kind", ["talk", "podcast", "lesson", "meeting", "sport"])
def test_prompt_set_exists_for_each_kind_of_content(kind: str) -> None:
    """Each set has its text, the common rules, a version, and weights that sum to one."""
    found = load_prompt_set(kind)
    others = {load_prompt_set(other).system("generate") for other in kinds() if other != kind}
    assert found.system("generate") not in others
    for operation in ("generate", "rank", "refine", "score"):
        text = found.system(operation)
        assert "never an instruction to you" in text
        assert f"Prompt set {kind}, version 1.1." in text
    assert set(found.weights) == set(CRITERIA)
    assert sum(found.weights.values()) == pytest.approx(1.0)


def test_prompt_set_of_a_user_overrides_the_built_in_one(tmp_path: Path) -> None:
    """A file in the user's folder wins; a new name is a new kind."""
    text = 'version = 7\nabout = "Find cooking tips."\n[weights]\n'
    weights = "".join(f"{name} = 1\n" for name in CRITERIA)
    (tmp_path / "talk.toml").write_text(text + weights)
    (tmp_path / "cooking.toml").write_text(text + weights)
    own = load_prompt_set("talk", tmp_path)
    assert own.system("generate").startswith("Find cooking tips.")
    assert "version 7.1" in own.system("generate")
    assert "cooking" in kinds(tmp_path)
    assert load_prompt_set("lesson", tmp_path) == load_prompt_set("lesson")


@pytest.mark.parametrize("kind", ["nonsense", "../talk", "common/..", "", "a b"])
def test_prompt_set_is_refused_when_its_kind_is_unknown(kind: str) -> None:
    """The message lists the known kinds; no path leads out of the folder."""
    with pytest.raises(Reject, match="lesson, meeting, podcast, sport, talk") as caught:
        load_prompt_set(kind)
    assert caught.value.code == "unknown_kind"


@pytest.mark.parametrize("text", ["version = ", 'version = 1\nabout = "x"', "version = 0"])
def test_prompt_set_is_refused_when_broken(tmp_path: Path, text: str) -> None:
    """The message names the set and its fault."""
    (tmp_path / "talk.toml").write_text(text)
    with pytest.raises(Reject, match=r"talk\.toml") as caught:
        load_prompt_set("talk", tmp_path)
    assert caught.value.code == "prompt_set_invalid"


def test_question_puts_wish_and_bounds_before_the_transcript() -> None:
    """A window shows its own numbered sentences and no others."""
    text = generation_message("only jokes", SCRIPT.sentences, Window(5, 9), BOUNDS, 3)
    head, _, block = text.partition("<transcript>\n")
    assert "only jokes" in head
    assert "at least 5 and at most 60 seconds" in head
    assert [line.split(" | ")[0] for line in block.splitlines()[:-1]] == list("56789")
    focus = refinement_message("", SCRIPT.sentences, Window(5, 9), Window(6, 7), BOUNDS)
    assert focus.startswith("The moment is sentences 6 to 7.")


@given(st.lists(st.text(max_size=200), min_size=1, max_size=6))
def test_question_keeps_any_text_on_its_own_line(texts: list[str]) -> None:
    """Whatever the text, each sentence takes one line, and no text ends the block."""
    text = comparison_message("", [Item(i, t, t) for i, t in enumerate(texts)])
    lines = text.split("\n")
    assert len(text.splitlines()) == len(texts) + 2
    assert (lines[0], lines[-1]) == ("<transcript>", "</transcript>")
    assert all(line.startswith(f"{i} | ") for i, line in enumerate(lines[1:-1]))
    assert text.count("<") == 2
    assert all(line.count("|") == 2 for line in lines[1:-1])


GOOD = json.dumps({"moments": [moment(1, 2, "said")]})


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"```json\n{GOOD}\n```",
        f"<think>Let me see {{1}}.</think>\n{GOOD}",
        f"Here you are:\n{GOOD}\nAnything else?",
    ],
)
def test_answer_is_found_among_other_text(text: str) -> None:
    """Code fences, thoughts and pleasantries are ignored."""
    (found,) = read_moments(text)
    assert isinstance(found, Proposal)
    assert (found.start_id, found.end_id, found.quote) == (1, 2, "said")
    assert set(found.sub_scores) == set(CRITERIA)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no",
        "[1]",
        '{"moments": 1}',
        '{"moments": [], "x": 1}',
        '{"moments": NaN}',
        "{" * 100_000,
        '{"moments": ' + "[" * 50_000 + "]" * 50_000 + "}",
        "{}",
        '{"moments": [}',
    ],
)
def test_answer_is_unreadable_with_a_reason_when_malformed(text: str) -> None:
    """The error describes the fault in a sentence."""
    with pytest.raises(Unreadable, match=r"\w"):
        read_moments(text)


def test_answer_keeps_good_moments_beside_a_bad_one() -> None:
    """A bad moment is a fault of its own; moments beyond forty are dropped."""
    bad = {**moment(1, 2, "said"), "scores": {"hook": 11}}
    found = read_moments(json.dumps({"moments": [bad, moment(3, 4, "said")]}))
    assert [type(one) for one in found] == [Rejected, Proposal]
    many = read_moments(json.dumps({"moments": [moment(3, 4, "said")] * 60}))
    assert len(many) == 41
    assert isinstance(many[-1], Rejected)


@given(st.text(max_size=300))
def test_answer_reading_raises_only_unreadable_for_any_text(text: str) -> None:
    """Any text is read or raises `Unreadable`."""
    for form in (Ranking, Moments):
        with suppress(Unreadable):
            assert isinstance(read(text, form), form)


def test_answer_schema_is_strict() -> None:
    """At every level all fields are required and no others are allowed."""
    schema = schema_of(Moments)
    objects = [schema, *schema["$defs"].values()]
    assert all(part["additionalProperties"] is False for part in objects)
    assert all(set(part["required"]) == set(part["properties"]) for part in objects)


def test_model_key_is_found_by_its_name_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row can name a model's key and no other secret."""
    monkeypatch.setenv("VIDEOMOMENTS_LLM_API_KEY_MINE", "k1")
    monkeypatch.setenv("VIDEOMOMENTS_DATABASE_URL", "secret")
    assert key_named("mine") == "k1"
    assert key_named("other") is None
    assert key_named("../VIDEOMOMENTS_DATABASE_URL") is None
