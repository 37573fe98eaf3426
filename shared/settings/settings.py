"""Settings: environment variables with the prefix `VIDEOMOMENTS_`, checked at start."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from shared.errors import SettingsError
from shared.messages.options import Options
from shared.settings.models import ModelSettings
from shared.settings.moments import MomentSettings
from shared.settings.runtime import RuntimeSettings
from shared.settings.stores import StoreSettings

PREFIX = "VIDEOMOMENTS_"


class Settings(RuntimeSettings, ModelSettings, MomentSettings, StoreSettings):
    """Every setting, its default and its bounds. docs/settings.md is generated from this class."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    # Push authentication
    oidc_audience: str | None = Field(
        default=None,
        description="Audience of push tokens. If set, every push must carry a token for it that "
        "Google signed.",
    )
    oidc_service_account: str | None = Field(
        default=None,
        description="E-mail of the account that pushes; required with `OIDC_AUDIENCE`.",
    )
    oidc_certs_url: str | None = Field(
        default=None, description="JWKS URL of the signing keys. Unset: Google's."
    )

    # Logs
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto`: readable text on a terminal, else JSON."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Lowest severity that is logged."
    )

    # Traces and metrics
    telemetry: Literal["off", "otlp", "google"] = Field(
        default="off",
        description="Where spans and metrics go: nowhere (`off`), to a collector by OTLP over HTTP "
        "(`otlp`), or to Google Cloud (`google`).",
    )
    telemetry_endpoint: str | None = Field(
        default=None,
        description="Base URL of the collector. Unset: `OTEL_EXPORTER_OTLP_ENDPOINT`, else "
        "`http://localhost:4318`. With `google`: Google's.",
    )
    telemetry_sample_ratio: float = Field(
        default=1, ge=0, le=1, description="Share of runs that record spans."
    )
    telemetry_timeout_seconds: float = Field(
        default=3, gt=0, le=30, description="Longest time a delivery waits for the export."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Settings:
        if self.min_moment_length_seconds > self.max_moment_length_seconds:
            raise ValueError("MIN_MOMENT_LENGTH_SECONDS is above MAX_MOMENT_LENGTH_SECONDS")
        if self.min_moments > self.max_moments:
            raise ValueError("MIN_MOMENTS is above MAX_MOMENTS")
        if self.llm_overlap_tokens * 2 > self.llm_window_tokens:
            raise ValueError("LLM_OVERLAP_TOKENS must be at most half of LLM_WINDOW_TOKENS")
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("LEASE_SECONDS must be at least twice HEARTBEAT_SECONDS")
        if self.upload_url is not None and self.upload_url == self.derived_url:
            raise ValueError(
                "UPLOAD_URL and DERIVED_URL must differ, or each clip would start a run"
            )
        if (self.oidc_audience is None) != (self.oidc_service_account is None):
            raise ValueError("set OIDC_AUDIENCE and OIDC_SERVICE_ACCOUNT together")
        if self.telemetry == "google" and self.project is None:
            raise ValueError("TELEMETRY=google needs PROJECT")
        return self

    def resolve(self, options: Options) -> Options:
        """Fill each unset option from these settings. Raises ValueError if the options clash."""
        asked = options.model_dump()
        padding = (options.padding_left_seconds, options.padding_right_seconds)
        if options.padding_over_words is None and padding != (None, None):
            asked["padding_over_words"] = True
        filled = {
            name: getattr(self, name) if value is None and hasattr(self, name) else value
            for name, value in asked.items()
        }
        return Options.model_validate(filled)


def load_settings(**overrides: object) -> Settings:
    """Read the environment. Raises `SettingsError`, which names each wrong variable and why."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        problems = "; ".join(
            f"{PREFIX}{'_'.join(str(part) for part in problem['loc']).upper()}: "
            f"{problem['msg'].removeprefix('Value error, ')}"
            if problem["loc"]
            else problem["msg"].removeprefix("Value error, ")
            for problem in error.errors()
        )
        raise SettingsError(f"Settings: {problems}") from None
