"""Descriptions of stages from their declarations."""

from __future__ import annotations

from functions.main import TOPOLOGY

_WORDS = {function.name: function.does for function in TOPOLOGY.functions}


def stage_words(name: str) -> str:
    """The stage's description and name; only the name if this version does not know the stage."""
    return f"{_WORDS[name]} ({name})" if name in _WORDS else name


def decisive_stages() -> list[str]:
    """The stages that decide which moments a run has."""
    return [stage.name for stage in TOPOLOGY.stages if stage.decides_moments]
