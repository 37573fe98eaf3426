"""Signed URLs, fetched as a browser would: over HTTP, without credentials."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from shared.errors import ObjectMissing
from tests.support.patience import PATIENCE_SECONDS
from tests.support.storage.actions import put, read
from tests.support.storage.backends import Backend

NAMES = ["clips/talk.mp4", "a folder/höhe #1 100%.mp4", "k" * 1024]


def fetch(url: str, **headers: str) -> bytes:
    """The answer to a GET of the URL."""
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        data: bytes = answer.read()
        return data


def send(url: str, data: bytes, content_type: str) -> int:
    """The status of a PUT to the URL."""
    headers = {"Content-Type": content_type}
    request = urllib.request.Request(url, data, headers, method="PUT")
    with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
        status: int = answer.status
        return status


@pytest.mark.parametrize("name", NAMES)
def test_signed_read_url_serves_the_object(backend: Backend, tmp_path: Path, name: str) -> None:
    """Anyone with the URL can read the object, whole and in ranges."""
    put(backend, tmp_path, name, b"0123456789")
    url = backend.storage.signed_read_url(backend.url(name), expires_seconds=60)
    assert fetch(url) == b"0123456789"
    assert fetch(url, Range="bytes=2-4") == b"234"


@pytest.mark.parametrize("name", NAMES)
def test_signed_upload_url_stores_the_object(backend: Backend, name: str) -> None:
    """Anyone with the URL can write the object, which then has the signed content type."""
    url = backend.storage.signed_upload_url(
        backend.url(name), content_type="video/mp4", expires_seconds=60
    )
    assert send(url, b"uploaded \r\n bytes", "video/mp4") == 200
    assert read(backend, name) == b"uploaded \r\n bytes"
    if name.endswith(".mp4"):
        assert backend.storage.stat(backend.url(name)).content_type == "video/mp4"


def test_signed_url_refuses_a_changed_request(backend: Backend, tmp_path: Path) -> None:
    """Another object, method or content type gets 403, and nothing is written."""
    put(backend, tmp_path, "mine.mp4", b"mine")
    put(backend, tmp_path, "other.mp4", b"other")
    get = backend.storage.signed_read_url(backend.url("mine.mp4"), expires_seconds=60)
    upload = backend.storage.signed_upload_url(
        backend.url("mine.mp4"), content_type="video/mp4", expires_seconds=60
    )
    with backend.has("signature checks"):
        for attempt in (
            lambda: fetch(get.replace("mine.mp4", "other.mp4")),
            lambda: fetch(upload),
            lambda: send(get, b"forged", "video/mp4"),
            lambda: send(upload, b"forged", "text/html"),
        ):
            with pytest.raises(urllib.error.HTTPError, match="403"):
                attempt()
        assert read(backend, "mine.mp4") == b"mine"


def test_signed_url_expires(backend: Backend, tmp_path: Path) -> None:
    """After its time a URL is refused."""
    put(backend, tmp_path, "talk.mp4", b"talk")
    url = backend.storage.signed_read_url(backend.url("talk.mp4"), expires_seconds=1)
    time.sleep(1.1)
    with (
        backend.has("signatures that expire"),
        pytest.raises(urllib.error.HTTPError, match="403"),
    ):
        fetch(url)


def test_signed_url_of_a_missing_object_is_refused_or_404(backend: Backend) -> None:
    """The store refuses to sign it, or the URL answers 404."""
    try:
        url = backend.storage.signed_read_url(backend.url("none"), expires_seconds=60)
    except ObjectMissing:
        return
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(url)
