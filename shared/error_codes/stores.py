"""What can be wrong with buckets and the names of objects."""

from __future__ import annotations

from shared.errors import ErrorCode

_THEN_RETRY = "then `videomoments retry VIDEO`"

STORE_CODES = {
    "bad_object_name": ErrorCode(
        "The store takes no object of this name.",
        "Give the file another name and upload it again.",
    ),
    "bad_object_url": ErrorCode(
        "This is not the URL of an object in a bucket that is set up here.",
        "Write gs://bucket/name, s3://bucket/name or file:///folder/bucket/name; file:// URLs have "
        "to lie below VIDEOMOMENTS_FOLDER_ROOT.",
    ),
    "bucket_missing": ErrorCode(
        "There is no bucket of this name, or this account may not know of it.",
        "Create it, or correct VIDEOMOMENTS_UPLOAD_URL and VIDEOMOMENTS_DERIVED_URL; "
        f"{_THEN_RETRY}.",
    ),
    "copy_between_stores": ErrorCode(
        "An object was to be copied from one kind of store to another.",
        "Download it and upload it there, or keep both buckets in one kind of store.",
    ),
    "object_name_taken": ErrorCode(
        "On disk a name cannot be a file and a folder at once, and this one would be.",
        "In the derived bucket, move away the file that is in the way, then "
        "`videomoments retry VIDEO`. In the upload bucket, give the file another name and upload "
        "it again.",
    ),
    "storage_refused": ErrorCode(
        "The store refused the request: most often this account lacks a permission.",
        "Give the functions' account the right to read the upload bucket and to read, write, list "
        f"and delete in the derived one (`videomoments doctor` tries each); {_THEN_RETRY}.",
    ),
}
