"""Settings come from the environment, prefix `VIDEOMOMENTS_`, typed and checked at start."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.errors import SettingsError
from shared.messages.options import Options
from shared.settings.models import ModelSettings
from shared.settings.runtime import RuntimeSettings

PREFIX = "VIDEOMOMENTS_"


class Settings(RuntimeSettings, ModelSettings):
    """Every setting, its default and its bounds. docs/settings.md is generated from here."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    # Where things are
    database_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of a PostgreSQL >= 15, `postgresql+pg8000://…`. Unset: the "
        "embedded server (on one machine) or Cloud SQL (`CLOUD_SQL_INSTANCE`).",
    )
    cloud_sql_instance: str | None = Field(
        default=None, description="`project:region:instance`; reached by the Cloud SQL connector."
    )
    cloud_sql_user: str | None = Field(
        default=None, description="IAM database user (a service account without its suffix)."
    )
    cloud_sql_database: str = Field(default="videomoments", description="Database on Cloud SQL.")
    cloud_sql_private_ip: bool = Field(
        default=False, description="Reach Cloud SQL by its private address."
    )
    database_pool_size: int = Field(
        default=3, ge=1, le=50, description="Connections one process may hold."
    )
    upload_url: str | None = Field(
        default=None,
        description="Where videos are dropped: `gs://bucket`, `s3://bucket` or `file:///folder`.",
    )
    derived_url: str | None = Field(
        default=None, description="Where clips, thumbnails and temporary slices go; never the same."
    )
    folder_root: Path | None = Field(
        default=None, description="Folder whose sub-folders are the buckets of `file://` URLs."
    )
    gcs_endpoint: str | None = Field(
        default=None, description="Another endpoint that speaks the GCS API, for an emulator."
    )
    s3_endpoint: str | None = Field(
        default=None, description="Another endpoint that speaks the S3 API (MinIO, an emulator)."
    )
    s3_region: str | None = Field(default=None, description="Region of the S3 buckets.")
    project: str | None = Field(
        default=None, description="Google Cloud project of the topics (and of the traces in logs)."
    )
    pubsub_endpoint: str | None = Field(
        default=None,
        description="Another endpoint that speaks Pub/Sub's REST API, for publishing; "
        "`videomoments dev` sets it where it keeps the topics itself.",
    )

    # Speech
    speech_engine: Literal["auto", "whisper", "offline"] = Field(
        default="auto",
        description="`auto`: faster-whisper where a model can be had, else the offline engine.",
    )
    whisper_model: str | None = Field(
        default=None,
        description="faster-whisper model, by name (`small`) or by the path of its folder.",
    )
    whisper_download: bool = Field(
        default=True, description="Whether a model given by name may be fetched."
    )
    language: str | None = Field(
        default=None, description="Language spoken, as a code (`en`). Unset: detected."
    )
    subtitles: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="Use subtitles that came with the video instead of listening: `auto` when "
        "they are good, `always` when they hold any words, or `never`. `run` and `explain` say "
        "which were not used, and why.",
    )
    slice_seconds: float = Field(
        default=180, ge=10, le=1800, description="Target length of one slice of audio."
    )

    # Moments and clips
    min_moment_length_seconds: float = Field(
        default=5, gt=0, description="Shortest moment; a hard bound."
    )
    max_moment_length_seconds: float = Field(
        default=90, gt=0, description="Longest moment; a hard bound."
    )
    min_moments: int = Field(default=1, ge=0, description="Fewest moments, where possible at all.")
    max_moments: int = Field(default=10, ge=1, description="Most moments; a hard bound.")
    padding_left_seconds: float = Field(
        default=0.5, ge=0, description="Seconds shown before a moment."
    )
    padding_right_seconds: float = Field(
        default=0.5, ge=0, description="Seconds shown after a moment."
    )
    padding_over_words: bool = Field(
        default=False,
        description="Whether padding may reach into a neighbouring word. A run that asks for its "
        "own padding gets all of it. Where clips are copied, whole GOPs hold more than the "
        "padding: see `VIDEOMOMENTS_CLIP_MODE`.",
    )
    clip_mode: Literal["copy", "exact"] = Field(
        default="copy",
        description="`copy`: whole GOPs, no re-encode: a clip begins at the last keyframe before "
        "the padding and ends at the first after it, up to 15 s further, so that neighbouring "
        "words can be heard; its row says from where to where. `exact`: begins and ends at the "
        "very frame.",
    )

    # Limits
    max_duration_seconds: float = Field(
        default=43_200, gt=0, description="Longer recordings are refused."
    )
    max_pixels: int = Field(
        default=8192 * 4320, ge=1, description="Pictures with more pixels are refused."
    )
    child_memory_mib: int = Field(
        default=4096, ge=512, description="Address space one media child may take."
    )
    ffmpeg: Path | None = Field(
        default=None, description="The ffmpeg to use. Unset: on PATH, else the one of the wheel."
    )
    ffmpeg_threads: int = Field(default=2, ge=1, le=64, description="Threads one ffmpeg may use.")

    # Push authentication
    oidc_audience: str | None = Field(
        default=None, description="Set: every push must carry a Google-signed token for it."
    )
    oidc_service_account: str | None = Field(
        default=None, description="E-mail of the account that pushes; required with an audience."
    )
    oidc_certs_url: str | None = Field(
        default=None, description="Other signing keys than Google's, as a JWKS URL."
    )

    # Logs
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="`auto`: readable on a terminal, JSON otherwise."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="Least severity that is logged."
    )

    # Traces and metrics
    telemetry: Literal["off", "otlp", "google"] = Field(
        default="off",
        description="Where spans and metrics are exported: nowhere, by OTLP over HTTP to a "
        "collector, or to Google Cloud.",
    )
    telemetry_endpoint: str | None = Field(
        default=None,
        description="Base URL of the collector. Unset: `OTEL_EXPORTER_OTLP_ENDPOINT`, else "
        "`http://localhost:4318`; with `google`: Google's own.",
    )
    telemetry_sample_ratio: float = Field(
        default=1, ge=0, le=1, description="Share of the runs of which spans are recorded."
    )
    telemetry_timeout_seconds: float = Field(
        default=3, gt=0, le=30, description="Longest that a delivery waits for its export."
    )

    @field_validator("upload_url", "derived_url")
    @classmethod
    def _known_scheme(cls, url: str | None) -> str | None:
        if url is not None and url.partition("://")[0] not in {"gs", "s3", "file"}:
            raise ValueError(f"{url!r} must begin with gs://, s3:// or file://")
        return url.rstrip("/") if url else None

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
            raise ValueError("UPLOAD_URL and DERIVED_URL must differ, or a clip would be a drop")
        if (self.oidc_audience is None) != (self.oidc_service_account is None):
            raise ValueError("set OIDC_AUDIENCE and OIDC_SERVICE_ACCOUNT together")
        if self.telemetry == "google" and self.project is None:
            raise ValueError("TELEMETRY=google needs PROJECT")
        return self

    def resolve(self, options: Options) -> Options:
        """`options` with every gap filled from these settings. Raises ValueError if they clash."""
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
    """Read the environment. Raises `SettingsError` naming each wrong variable and why."""
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
