"""Prompt sets: files of texts and weights for each kind of content, which users can replace."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.error_codes.models import PROMPT_SET_INVALID, UNKNOWN_KIND
from shared.errors import Reject

Operation = Literal["generate", "rank", "refine", "score"]
COMMON = "common"


class _Common(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int = Field(ge=1)
    rules: str = Field(min_length=1)
    generate: str = Field(min_length=1)
    rank: str = Field(min_length=1)
    refine: str = Field(min_length=1)
    score: str = Field(min_length=1)


class _Weights(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    hook: float = Field(ge=0)
    substance: float = Field(ge=0)
    clarity: float = Field(ge=0)
    emotion: float = Field(ge=0)
    completeness: float = Field(ge=0)


class _Kind(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    version: int = Field(ge=1)
    about: str = Field(min_length=1)
    weights: _Weights


@dataclass(frozen=True, slots=True)
class PromptSet:
    """The texts for one kind of content, and the weights of its sub-scores."""

    kind: str
    texts: Mapping[str, str]
    weights: Mapping[str, float]

    def system(self, operation: Operation) -> str:
        """The complete system prompt of one operation."""
        return self.texts[operation]


def load_prompt_set(kind: str, folder: Path | None = None) -> PromptSet:
    """The set for that kind, from the user's folder if it has the file, else the built-in one.

    Raises Reject for an unknown kind and for a malformed file.
    """
    common = _read(COMMON, folder, _Common)
    own = _read(kind, folder, _Kind)
    heading = f"Prompt set {kind}, version {own.version}.{common.version}."
    texts = {
        name: "\n\n".join(
            part.strip() for part in (own.about, common.rules, getattr(common, name), heading)
        )
        for name in ("generate", "rank", "refine", "score")
    }
    return PromptSet(kind, texts, own.weights.model_dump())


def kinds(folder: Path | None = None) -> list[str]:
    """The kinds of content that have a prompt set."""
    names = {
        entry.name for entry in files("shared.moments.prompts").joinpath("prompt_sets").iterdir()
    }
    if folder is not None and folder.is_dir():
        names |= {path.name for path in folder.iterdir()}
    return sorted(
        {name.removesuffix(".toml") for name in names if name.endswith(".toml")} - {COMMON}
    )


def _read(name: str, folder: Path | None, form: type[Any]) -> Any:
    text = _text(name, folder)
    if text is None:
        raise Reject(
            UNKNOWN_KIND,
            f"There is no prompt set {name!r}. Choose one of: {', '.join(kinds(folder))}.",
        )
    try:
        return form.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        said = " ".join(str(error).split())[:300]
        raise Reject(
            PROMPT_SET_INVALID, f"The prompt set {name}.toml cannot be read: {said}"
        ) from None


def _text(name: str, folder: Path | None) -> str | None:
    if not name.replace("-", "").replace("_", "").isalnum():
        return None
    if folder is not None and (path := folder / f"{name}.toml").is_file():
        return path.read_text(encoding="utf-8")
    built_in = files("shared.moments.prompts").joinpath("prompt_sets", f"{name}.toml")
    return built_in.read_text(encoding="utf-8") if built_in.is_file() else None
