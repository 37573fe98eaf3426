"""Configs of `videomoments eval` that use a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.evaluation.configs import parse_config
from cli.evaluation.labelled_set import LengthBounds
from shared.errors import Reject
from shared.settings.settings import load_settings


def test_config_sets_its_model_and_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keys apply to this config alone; all other settings are the deployed ones."""
    monkeypatch.setenv("VIDEOMOMENTS_LLM_ANSWER_TOKENS", "2000")
    config = parse_config(
        "mine=model,model=tiny,prompt_set=lesson,window_tokens=900,overlap_tokens=90,"
        "refine=yes,prompt=Find jokes, and laughter,max_length=30"
    )
    assert (config.name, config.method) == ("mine", "model")
    assert config.asks is not None
    assert config.asks.model == "tiny"
    settings = config.asks.settings()
    assert (settings.llm_window_tokens, settings.llm_overlap_tokens) == (900, 90)
    assert (settings.kind, settings.prompt) == ("lesson", "Find jokes, and laughter")
    assert (settings.llm_refine, settings.llm_score, config.asks.refines) == (True, False, True)
    assert settings.llm_answer_tokens == 2000
    bounds = config.bounds_for(LengthBounds(min_length_seconds=4), settings=load_settings())
    assert (bounds.min_length_seconds, bounds.max_length_seconds) == (4, 30)


def test_configs_of_one_model_can_differ_in_prompt_folder(tmp_path: Path) -> None:
    """Two configs can compare two folders of prompts."""
    one = parse_config(f"old=model,model=tiny,prompt_folder={tmp_path}")
    assert one.asks is not None
    assert one.asks.settings().prompt_folder == tmp_path


def test_config_overrides_the_row_of_its_model() -> None:
    """The row supplies the values that the config leaves open; without a row the settings do."""
    config = parse_config("hot=model,model=tiny,temperature=0.9,timeout=7")
    assert config.asks is not None
    settings = config.asks.settings()
    found = {"model": "tiny-1b", "provider": "openai", "url": "http://there/v1", "top_k": 3}
    row = config.asks.row("hot", {**found, "temperature": 0.1, "name": "tiny"}, settings)
    assert (row.name, row.model, row.url, row.top_k) == ("hot", "tiny-1b", "http://there/v1", 3)
    assert (row.temperature, row.timeout_seconds) == (0.9, 7)
    plain = config.asks.row("hot", None, settings)
    assert (plain.name, plain.model, plain.provider, plain.url) == ("hot", "tiny", "openai", None)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("mine=model", "name the model"),
        ("mine=model,model=extractive", "name the model"),
        ("mine=model,model=x,beauty=1", "unknown option 'beauty'"),
        ("mine=extractive,model=x", "unknown option 'model'"),
        ("mine=model,model=x,window_tokens=many", "LLM_WINDOW_TOKENS"),
        ("mine=model,model=x,window_tokens=300,overlap_tokens=200", "at most half"),
        ("mine=model,model=x,max_moments=0", "max_moments"),
        ("extractive=model,model=x", "give the model another name"),
        (f"{'m' * 101}=model,model=x", "at most 100 characters"),
    ],
)
def test_config_is_refused_before_any_work_when_a_key_is_wrong(text: str, says: str) -> None:
    """The message names the key before anything is transcribed or asked."""
    with pytest.raises(Reject, match=says) as caught:
        parse_config(text)
    assert caught.value.code == "config_invalid"
