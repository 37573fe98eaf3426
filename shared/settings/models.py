"""The settings of language models, a part of `Settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class ModelSettings(BaseSettings):
    """Which model is asked, how, and for how much. A row of `model_configs` goes before these."""

    model: str | None = Field(
        default=None,
        description="Language model that finds the moments: a name in `model_configs`, or the "
        "endpoint's own name of it. Unset, or `extractive`: the method without a model.",
    )
    prompt: str | None = Field(
        default=None, description="What moments are wanted, in your own words, for every run."
    )
    kind: str = Field(
        default="talk",
        description="Kind of content, which chooses the prompts: `talk`, `podcast`, `lesson`, "
        "`meeting`, `sport`, or a set of your own.",
    )
    prompt_folder: Path | None = Field(
        default=None,
        description="Folder of prompt sets of your own, `<kind>.toml`, each instead of the "
        "built-in one of that name.",
    )
    llm_provider: Literal["openai", "vertex"] = Field(
        default="openai",
        description="`openai`: any endpoint that speaks OpenAI's protocol (vLLM, Ollama, a hosted "
        "one); `vertex`: Gemini on Vertex AI, with application-default credentials.",
    )
    llm_url: str | None = Field(
        default=None,
        description="Address of the OpenAI-compatible API, like `http://127.0.0.1:8000/v1`.",
    )
    llm_api_key: SecretStr | None = Field(default=None, description="Its key, where it needs one.")
    llm_location: str = Field(default="us-central1", description="Vertex AI's location.")
    llm_output: Literal["schema", "json", "text"] = Field(
        default="schema",
        description="How the answer's form is asked for: by its JSON schema, as any JSON, or in "
        "words alone, by what the endpoint can do.",
    )
    llm_temperature: float | None = Field(
        default=0.2, ge=0, le=2, description="Sampling temperature."
    )
    llm_top_p: float | None = Field(default=None, gt=0, le=1, description="Nucleus sampling.")
    llm_top_k: int | None = Field(default=None, ge=1, description="Top-k sampling.")
    llm_context_tokens: int = Field(
        default=32_768, ge=2048, description="Tokens the model can take, question and answer."
    )
    llm_answer_tokens: int = Field(default=4096, ge=256, description="Longest answer, in tokens.")
    llm_timeout_seconds: float = Field(
        default=120, gt=0, le=250, description="Longest wait for one answer."
    )
    llm_concurrency: int = Field(
        default=4, ge=1, le=64, description="Questions one stage asks at the same time."
    )
    llm_window_tokens: int = Field(
        default=6000,
        ge=200,
        description="Longest part of a transcript in one question; a longer one is read in parts.",
    )
    llm_overlap_tokens: int = Field(
        default=600, ge=0, description="What two neighbouring parts share, at least."
    )
    llm_refine: bool = Field(
        default=True, description="Whether each moment gets a second look at its bounds."
    )
    llm_refine_context_seconds: float = Field(
        default=60, ge=0, description="What is shown before and after a moment at the second look."
    )
    llm_score: bool = Field(
        default=True, description="Whether the chosen moments are scored against one another."
    )
    llm_input_price: float | None = Field(
        default=None, ge=0, description="Price of a million tokens of question."
    )
    llm_output_price: float | None = Field(
        default=None, ge=0, description="Price of a million tokens of answer."
    )
    llm_budget_tokens: int | None = Field(
        default=None, ge=1, description="Most tokens one run may use; refused before it is more."
    )
    llm_budget_cost: float | None = Field(
        default=None, gt=0, description="Most money one run may cost, in the prices' currency."
    )
    llm_keep_days: float = Field(
        default=30, ge=0, description="How long calls are kept in `ai_requests`."
    )

    @field_validator("llm_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        """Refused here: a request to anything else fails as if the server were away."""
        if not url:
            return None
        try:
            parts = urlsplit(url)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("must be a whole address, like http://127.0.0.1:8000/v1")
        return url

    @field_validator("llm_api_key", mode="before")
    @classmethod
    def _without_line_break(cls, key: object) -> object:
        """Secrets filled by a shell end with one, with which no request can be sent."""
        return (key.strip() or None) if isinstance(key, str) else key
