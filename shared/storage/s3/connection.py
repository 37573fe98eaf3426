"""The connection to S3 or a compatible server, and its failures as errors of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from shared.error_codes.storage import BUCKET_MISSING, STORAGE_REFUSED
from shared.errors import (
    ObjectChanged,
    ObjectMissing,
    Reject,
    SettingsError,
    StorageError,
    StorageUnavailable,
    VideoMomentsError,
)
from shared.storage.retries import TRANSIENT_STATUSES, RetryPolicy

_MISSING = frozenset({"404", "NoSuchKey", "NoSuchVersion", "NotFound"})
_MALFORMED = frozenset({"InvalidArgument", "KeyTooLongError", "InvalidRequest", "InvalidURI"})


def connect(
    endpoint: str | None, region: str | None, policy: RetryPolicy, *, attempts: int | None = None
) -> Any:
    """A boto3 client with the environment's credentials. `attempts` overrides the policy's."""
    import boto3
    from botocore.config import Config

    # Many S3-compatible stores support neither bucket subdomains nor the newer checksums.
    compatible = {
        "s3": {"addressing_style": "path"},
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        config=Config(
            signature_version="s3v4",
            connect_timeout=policy.connect_timeout_seconds,
            read_timeout=policy.read_timeout_seconds,
            max_pool_connections=32,
            retries={"mode": "standard", "total_max_attempts": attempts or policy.attempts},
            **(compatible if endpoint else {}),
        ),
    )


@contextmanager
def translate_errors(url: str) -> Iterator[None]:
    """Translate the client's exceptions into errors of ours."""
    import urllib3
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

    try:
        yield
    except ClientError as error:
        raise _of_answer(url, error) from error
    except NoCredentialsError as error:
        raise SettingsError(
            "s3:// URLs need credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "or run with a role."
        ) from error
    except (BotoCoreError, urllib3.exceptions.HTTPError, ConnectionError) as error:
        raise StorageUnavailable(url, f"{type(error).__name__}: {error}") from error


def status_of(error: Any) -> int:
    """The HTTP status of a `ClientError`."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def is_transient(error: Any) -> bool:
    """Whether a `ClientError` may be transient."""
    return status_of(error) in TRANSIENT_STATUSES


def _of_answer(url: str, error: Any) -> VideoMomentsError:
    code, status = error.response.get("Error", {}).get("Code", ""), status_of(error)
    if code == "NoSuchBucket":
        return bucket_missing(url)
    if code in _MISSING:
        return ObjectMissing(url)
    if status in (409, 412):
        return ObjectChanged(url, "the one that was pinned")
    if code in _MALFORMED:
        return Reject(STORAGE_REFUSED, f"{url}: the store refused it: {error}")
    return _unavailable(url, error, status)


def _unavailable(url: str, error: Any, status: int) -> StorageError:
    if status in (401, 403):
        return StorageUnavailable(url, f"no access; give this account the permission: {error}")
    return StorageUnavailable(url, str(error))


def bucket_missing(url: str) -> Reject:
    """The error for a bucket that does not exist."""
    return Reject(
        BUCKET_MISSING, f"{url}: this bucket does not exist. Create it, or correct the name."
    )
