"""Settings by which a config of `videomoments eval` asks a language model: KEY=VALUE pairs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.db.models import ModelConfig
from shared.error_codes.commands import CONFIG_INVALID
from shared.errors import Reject, SettingsError
from shared.moments.generation_config import is_extractive
from shared.settings.settings import Settings, load_settings

SETTINGS_BY_KEY = {
    "window_tokens": "llm_window_tokens",
    "overlap_tokens": "llm_overlap_tokens",
    "context_tokens": "llm_context_tokens",
    "answer_tokens": "llm_answer_tokens",
    "timeout": "llm_timeout_seconds",
    "concurrency": "llm_concurrency",
    "temperature": "llm_temperature",
    "top_p": "llm_top_p",
    "output": "llm_output",
    "refine": "llm_refine",
    "score": "llm_score",
    "context_seconds": "llm_refine_context_seconds",
    "budget_tokens": "llm_budget_tokens",
    "budget_cost": "llm_budget_cost",
    "input_price": "llm_input_price",
    "output_price": "llm_output_price",
    "prompt_set": "kind",
    "prompt_folder": "prompt_folder",
    "prompt": "prompt",
}
KEYS = ("model", *SETTINGS_BY_KEY)
_OF_ROW = (
    *("context_tokens", "answer_tokens", "temperature", "top_p", "output"),
    *("input_price", "output_price"),
)


@dataclass(frozen=True, slots=True)
class Asks:
    """The model, and settings that differ from the deployment's.

    Refinement and scoring do not change which moments become clips, so they run only if the
    config asks for them.
    """

    model: str
    given: Mapping[str, str] = field(default_factory=dict)

    @property
    def refines(self) -> bool:
        """Whether the refined bounds are measured."""
        return self.settings().llm_refine

    def settings(self, **fixed: Any) -> Settings:
        """The deployment's settings, overridden by the config's. Raises SettingsError."""
        changed = {SETTINGS_BY_KEY[key]: value for key, value in self.given.items()}
        usual = {"llm_refine": False, "llm_score": False}
        return load_settings(**{**usual, **changed, **fixed})

    def row(self, name: str, found: Mapping[str, Any] | None, settings: Settings) -> ModelConfig:
        """The model as a row of that name: the user's row, else the settings.

        The config overrides the row.
        """
        values = dict(found or {"provider": settings.llm_provider, "model": self.model})
        own = {key: getattr(settings, SETTINGS_BY_KEY[key]) for key in _OF_ROW if key in self.given}
        if "timeout" in self.given:
            own["timeout_seconds"] = settings.llm_timeout_seconds
        return ModelConfig(**{**values, **own, "name": name})


def parse_asks(text: str, given: Mapping[str, str]) -> Asks:
    """Parse a config's model settings. Raises Reject(CONFIG_INVALID)."""
    model = given.get("model")
    if not model or is_extractive(model):
        raise Reject(CONFIG_INVALID, f"--config {text}: name the model, as model=NAME.")
    asks = Asks(model, {key: value for key, value in given.items() if key != "model"})
    try:
        asks.settings()
    except SettingsError as error:
        raise Reject(CONFIG_INVALID, f"--config {text}: {error}") from None
    return asks
