"""The settings of language models, a part of `Settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class ModelSettings(BaseSettings):
    """The model, its parameters and its budget. A row of `model_configs` overrides these."""

    model: str | None = Field(
        default=None,
        description="Language model that finds the moments: a name in `model_configs`, or the "
        "endpoint's own name for it. Unset, or `extractive`: the method without a model.",
    )
    prompt: str | None = Field(
        default=None, description="The moments you want, in your own words, for every run."
    )
    kind: str = Field(
        default="talk",
        description="Kind of content, which selects the prompt set: `talk`, `podcast`, `lesson`, "
        "`meeting`, `sport`, or one of your own.",
    )
    prompt_folder: Path | None = Field(
        default=None,
        description="Folder of your own prompt sets, `<kind>.toml`. Each replaces the built-in set "
        "of that name.",
    )
    llm_provider: Literal["openai", "vertex"] = Field(
        default="openai",
        description="`openai`: any endpoint that speaks OpenAI's protocol (vLLM, Ollama, a hosted "
        "one). `vertex`: Gemini on Vertex AI, with application-default credentials.",
    )
    llm_url: str | None = Field(
        default=None,
        description="URL of the OpenAI-compatible API, such as `http://127.0.0.1:8000/v1`.",
    )
    llm_api_key: SecretStr | None = Field(
        default=None, description="API key, if the endpoint needs one."
    )
    llm_location: str = Field(default="us-central1", description="Location of Vertex AI.")
    llm_output: Literal["schema", "json", "text"] = Field(
        default="schema",
        description="How the request asks for the answer's form, depending on what the endpoint "
        "supports: by a JSON schema, as any JSON, or in the prompt alone.",
    )
    llm_temperature: float | None = Field(
        default=0.2, ge=0, le=2, description="Sampling temperature."
    )
    llm_top_p: float | None = Field(default=None, gt=0, le=1, description="Nucleus sampling.")
    llm_top_k: int | None = Field(default=None, ge=1, description="Top-k sampling.")
    llm_context_tokens: int = Field(
        default=32_768,
        ge=2048,
        description="The model's context window, prompt and answer, in tokens.",
    )
    llm_answer_tokens: int = Field(default=4096, ge=256, description="Longest answer, in tokens.")
    llm_timeout_seconds: float = Field(
        default=120, gt=0, le=250, description="Longest wait for one answer."
    )
    llm_concurrency: int = Field(
        default=4, ge=1, le=64, description="Requests that one stage sends at the same time."
    )
    llm_window_tokens: int = Field(
        default=6000,
        ge=200,
        description="Longest part of a transcript in one request. A longer transcript is read in "
        "several windows.",
    )
    llm_overlap_tokens: int = Field(
        default=600, ge=0, description="Smallest overlap of two neighbouring windows."
    )
    llm_refine: bool = Field(
        default=True, description="Whether the model reviews the bounds of each moment."
    )
    llm_refine_context_seconds: float = Field(
        default=60,
        ge=0,
        description="Seconds of transcript shown before and after a moment in that review.",
    )
    llm_score: bool = Field(
        default=True,
        description="Whether the model scores the selected moments against one another.",
    )
    llm_input_price: float | None = Field(
        default=None, ge=0, description="Price of a million input tokens."
    )
    llm_output_price: float | None = Field(
        default=None, ge=0, description="Price of a million output tokens."
    )
    llm_budget_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Most tokens one run may use. A request that could exceed it is not sent.",
    )
    llm_budget_cost: float | None = Field(
        default=None, gt=0, description="Highest cost of one run, in the currency of the prices."
    )
    llm_keep_days: float = Field(
        default=30, ge=0, description="How long `ai_requests` keeps a request."
    )

    @field_validator("llm_url")
    @classmethod
    def _web_address(cls, url: str | None) -> str | None:
        """Refuse other URLs early: a request to one fails as if the server were unreachable."""
        if not url:
            return None
        try:
            parts = urlsplit(url)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            sound = False
        if not sound:
            raise ValueError("must be a complete URL, such as http://127.0.0.1:8000/v1")
        return url

    @field_validator("llm_api_key", mode="before")
    @classmethod
    def _without_line_break(cls, key: object) -> object:
        """Strip it: a shell often adds one to a secret, and no HTTP header may hold it."""
        return (key.strip() or None) if isinstance(key, str) else key
