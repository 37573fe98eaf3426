"""Uploads to S3: in one request, or in parts that S3 joins into one object.

Does not use boto3's transfer module, which does not return the version that it wrote.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_MOST_PARTS = 10_000


def put(
    client: Any, path: Path, target: dict[str, str], headers: dict[str, Any], part_bytes: int
) -> Any:
    """Upload the file. Returns the store's answer, with ETag and, if there is one, VersionId.

    `target` has Bucket and Key. `headers` are further arguments; IfNoneMatch among them applies
    when the object is completed.
    """
    size = path.stat().st_size
    if size <= part_bytes:
        with path.open("rb") as body:
            return client.put_object(Body=body, **target, **headers)
    return _put_parts(client, path, target, headers, max(part_bytes, -(-size // _MOST_PARTS)))


def _put_parts(
    client: Any, path: Path, target: dict[str, str], headers: dict[str, Any], part_bytes: int
) -> Any:
    condition = {name: headers[name] for name in headers if name == "IfNoneMatch"}
    described = {name: headers[name] for name in headers if name not in condition}
    upload = client.create_multipart_upload(**target, **described)
    run = {**target, "UploadId": upload["UploadId"]}
    try:
        parts = [
            _part(client.upload_part(Body=block, PartNumber=number, **run), number)
            for number, block in enumerate(_blocks(path, part_bytes), 1)
        ]
        return client.complete_multipart_upload(
            MultipartUpload={"Parts": parts}, **run, **condition
        )
    except BaseException:
        with suppress(Exception):  # The first failure is the cause of the others.
            client.abort_multipart_upload(**run)
        raise


def _part(answer: Any, number: int) -> dict[str, Any]:
    checksums = {name: answer[name] for name in answer if name.startswith("Checksum")}
    checksums.pop("ChecksumType", None)
    return {"ETag": answer["ETag"], "PartNumber": number, **checksums}


def _blocks(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(size):
            yield block
