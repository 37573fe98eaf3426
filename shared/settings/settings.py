"""Settings: environment variables with the prefix `VIDEOMOMENTS_`, checked at start."""

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
    """Every setting, its default and its bounds. docs/settings.md is generated from this class."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    # Database, object store and topics
    database_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of a PostgreSQL 15 or newer, `postgresql+pg8000://…`. Unset: "
        "the embedded server (on one machine) or Cloud SQL (`CLOUD_SQL_INSTANCE`).",
    )
    cloud_sql_instance: str | None = Field(
        default=None,
        description="Cloud SQL instance, `project:region:instance`. The Cloud SQL connector opens "
        "the connections.",
    )
    cloud_sql_user: str | None = Field(
        default=None, description="IAM database user: the service account without its suffix."
    )
    cloud_sql_database: str = Field(default="videomoments", description="Database on Cloud SQL.")
    cloud_sql_private_ip: bool = Field(
        default=False, description="Whether to reach Cloud SQL by its private IP address."
    )
    database_pool_size: int = Field(
        default=3, ge=1, le=50, description="Connections one process may hold."
    )
    upload_url: str | None = Field(
        default=None,
        description="Where users drop videos: `gs://bucket`, `s3://bucket` or `file:///folder`.",
    )
    derived_url: str | None = Field(
        default=None,
        description="Where clips, thumbnails and temporary slices are stored. Must differ from "
        "`UPLOAD_URL`.",
    )
    folder_root: Path | None = Field(
        default=None,
        description="Folder that holds the buckets of `file://` URLs as its subfolders.",
    )
    gcs_endpoint: str | None = Field(
        default=None, description="URL of a GCS emulator. Unset: Google's endpoint."
    )
    s3_endpoint: str | None = Field(
        default=None, description="URL of another S3-compatible server (MinIO, an emulator)."
    )
    s3_region: str | None = Field(default=None, description="Region of the S3 buckets.")
    project: str | None = Field(
        default=None, description="Google Cloud project of the topics, and of the traces in logs."
    )
    pubsub_endpoint: str | None = Field(
        default=None,
        description="Another server that speaks Pub/Sub's REST API, for publishing. "
        "`videomoments dev` sets it when it keeps the topics itself.",
    )

    # Speech
    speech_engine: Literal["auto", "whisper", "offline"] = Field(
        default="auto",
        description="`auto`: faster-whisper if a model is available, else the offline engine.",
    )
    whisper_model: str | None = Field(
        default=None,
        description="faster-whisper model: a name (`small`) or the path of its folder.",
    )
    whisper_download: bool = Field(
        default=True, description="Whether a model given by name may be downloaded."
    )
    language: str | None = Field(
        default=None, description="Spoken language, as a code (`en`). Unset: detected."
    )
    subtitles: Literal["auto", "always", "never"] = Field(
        default="auto",
        description="When to use the video's own subtitles instead of speech recognition: `auto` "
        "if they are good, `always` if they hold any words, or `never`. `run` and `explain` list "
        "the subtitles that were not used, and why.",
    )
    slice_seconds: float = Field(
        default=180, ge=10, le=1800, description="Target length of one audio slice."
    )

    # Moments and clips
    min_moment_length_seconds: float = Field(
        default=5, gt=0, description="Shortest moment; a hard bound."
    )
    max_moment_length_seconds: float = Field(
        default=90, gt=0, description="Longest moment; a hard bound."
    )
    min_moments: int = Field(
        default=1, ge=0, description="Fewest moments, if the recording has enough."
    )
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
        "own padding gets all of it. Copied clips consist of whole GOPs and hold more than the "
        "padding: see `VIDEOMOMENTS_CLIP_MODE`.",
    )
    clip_mode: Literal["copy", "exact"] = Field(
        default="copy",
        description="`copy`: whole GOPs without re-encoding. A clip begins at the last keyframe "
        "before the padding and ends at the first keyframe after it, up to 15 s further, so "
        "neighbouring words can be heard; the clip's row gives both times. `exact`: re-encodes, "
        "and begins and ends at the exact frame.",
    )

    # Limits
    max_duration_seconds: float = Field(
        default=43_200, gt=0, description="Longest recording; a longer one is refused."
    )
    max_pixels: int = Field(
        default=8192 * 4320,
        ge=1,
        description="Largest picture, in pixels; a larger one is refused.",
    )
    child_memory_mib: int = Field(
        default=4096, ge=512, description="Address space of one media subprocess."
    )
    ffmpeg: Path | None = Field(
        default=None,
        description="Path of ffmpeg. Unset: the one on PATH, else the one from the wheel.",
    )
    ffmpeg_threads: int = Field(default=2, ge=1, le=64, description="Threads of one ffmpeg.")

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
