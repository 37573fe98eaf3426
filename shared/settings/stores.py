"""The settings of database, object stores and topics, a part of `Settings`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings


class StoreSettings(BaseSettings):
    """Where the database, the buckets and the topics are."""

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

    @field_validator("upload_url", "derived_url")
    @classmethod
    def _known_scheme(cls, url: str | None) -> str | None:
        if url is not None and url.partition("://")[0] not in {"gs", "s3", "file"}:
            raise ValueError(f"{url!r} must begin with gs://, s3:// or file://")
        return url.rstrip("/") if url else None
