"""Problems with buckets and object names."""

from __future__ import annotations

from shared.error_codes.error_code import ErrorCode

_THEN_RETRY = "then `videomoments retry VIDEO`"

BAD_OBJECT_NAME = ErrorCode(
    "bad_object_name",
    "The store does not accept an object of this name.",
    "Rename the file and upload it again.",
)
BAD_OBJECT_URL = ErrorCode(
    "bad_object_url",
    "This is not the URL of an object in a configured bucket.",
    "Write gs://bucket/name, s3://bucket/name or file:///folder/bucket/name; file:// URLs must lie "
    "below VIDEOMOMENTS_FOLDER_ROOT.",
)
BUCKET_MISSING = ErrorCode(
    "bucket_missing",
    "The bucket does not exist, or this account may not see it.",
    f"Create it, or correct VIDEOMOMENTS_UPLOAD_URL and VIDEOMOMENTS_DERIVED_URL; {_THEN_RETRY}.",
)
COPY_BETWEEN_STORES = ErrorCode(
    "copy_between_stores",
    "An object cannot be copied from one kind of store to another.",
    "Download it and upload it there, or keep both buckets in one kind of store.",
)
OBJECT_NAME_TAKEN = ErrorCode(
    "object_name_taken",
    "A name on disk cannot be a file and a folder at once, and this one would have to be both.",
    "In the derived bucket, move the conflicting file away, then `videomoments retry VIDEO`. In "
    "the upload bucket, rename the video and upload it again.",
)
SOURCE_SLOW = ErrorCode(
    "source_slow",
    "The store sent the video too slowly for the stage to finish in time.",
    "Check the connection to the store; `videomoments doctor` tests it.",
)
STORAGE_REFUSED = ErrorCode(
    "storage_refused",
    "The store refused the request, usually because this account lacks a permission.",
    "Allow the functions' account to read the upload bucket, and to read, write, list and delete "
    f"in the derived bucket (`videomoments doctor` tries each); {_THEN_RETRY}.",
)
STORAGE_UNAVAILABLE = ErrorCode(
    "storage_unavailable",
    "The store did not answer, or it denied access.",
    "`videomoments doctor` tests the buckets.",
)
