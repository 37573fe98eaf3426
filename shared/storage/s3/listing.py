"""Lists a bucket with the same generations that `stat` returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from shared.storage.protocol import ObjectStat
from shared.storage.s3.versions import version_of
from shared.storage.urls import join_url


def has_versions(client: Any, bucket: str) -> bool:
    """Whether the bucket keeps, or once kept, versions. False if we may not ask."""
    from botocore.exceptions import ClientError

    try:
        return "Status" in client.get_bucket_versioning(Bucket=bucket)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("AccessDenied", "NotImplemented"):
            return False
        raise


def list_versions(
    client: Any, bucket: str, prefix: str, page_size: int, versions: bool
) -> Iterator[ObjectStat]:
    """Objects in name order. A plain listing has no versions, so this asks for all versions."""
    operation, field = (
        ("list_object_versions", "Versions") if versions else ("list_objects_v2", "Contents")
    )
    pages = client.get_paginator(operation).paginate(
        Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": page_size}
    )
    for page in pages:
        for item in page.get(field, ()):
            if item.get("IsLatest", True):
                yield _stat_of(bucket, item)


def _stat_of(bucket: str, item: Any) -> ObjectStat:
    return ObjectStat(
        url=join_url("s3", bucket, item["Key"]),
        size_bytes=item["Size"],
        generation=version_of(item).generation,
        content_type=None,
        updated_at=item["LastModified"],
    )
