"""The Cloud Storage adapter beyond the common contract."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from shared.errors import ObjectExists, Reject, SettingsError, StorageUnavailable
from shared.storage.gcs.connection import connect, retry_of
from shared.storage.gcs.signers import signer_arguments
from shared.storage.gcs.store import GcsStorage
from shared.storage.retries import RetryPolicy
from tests.contract.storage.test_signed_urls import fetch
from tests.support.storage.actions import put, read
from tests.support.storage.backends import GCS_SERVERS, Backend, gcs_storage
from tests.support.storage.gcs_fake import FakeGcs
from tests.support.storage.gcs_objects import FakeObject


@pytest.fixture(params=GCS_SERVERS)
def gcs(request: pytest.FixtureRequest) -> Backend:
    """Each Cloud Storage server in turn."""
    found = request.getfixturevalue(f"{request.param}_backend")
    assert isinstance(found, Backend)
    return found


def test_gcs_server_pins_reads_by_generation(gcs: Backend, tmp_path: Path) -> None:
    """A media download of an old generation never returns other bytes."""
    old = put(gcs, tmp_path, "talk", b"old")
    put(gcs, tmp_path, "talk", b"new")
    storage: Any = gcs.storage
    connection = storage.connection
    answer = connection.session.get(
        f"{connection.endpoint}/download/storage/v1/b/{gcs.bucket}/o/talk",
        params={"alt": "media", "generation": old.generation},
    )
    with gcs.has("generations of reads"):
        assert answer.status_code in (404, 412) or answer.content == b"old"


def test_gcs_rejects_a_missing_bucket_by_name(gcs: Backend, tmp_path: Path) -> None:
    """Uploads to it and listings of it raise Reject with its name."""
    nowhere = Backend("nowhere", gcs.storage, "gs", "no-such-bucket", {})
    with pytest.raises(Reject, match=r"gs://no-such-bucket/x: this bucket does not exist"):
        put(nowhere, tmp_path, "x", b"x")
    with pytest.raises(Reject, match="this bucket does not exist"):
        list(gcs.storage.list("gs://no-such-bucket/"))


def test_gcs_uploads_a_large_file_resumably(
    gcs_strict_backend: Backend, strict_gcs: FakeGcs, large_file: Path
) -> None:
    """64 MiB go up in chunks of 8 MiB under one precondition."""
    strict_gcs.requests.clear()
    url = gcs_strict_backend.url("large")
    gcs_strict_backend.storage.upload(large_file, url, only_if_absent=True)
    begun = [r for r in strict_gcs.requests if r.startswith("POST")]
    assert len(begun) == 1
    assert "uploadType=resumable" in begun[0]
    assert "ifGenerationMatch=0" in begun[0]
    assert sum(r.startswith("PUT") for r in strict_gcs.requests) == 9


def test_gcs_refuses_a_download_with_a_wrong_checksum(
    gcs_strict_backend: Backend, strict_gcs: FakeGcs, tmp_path: Path
) -> None:
    """Bytes damaged on the way, or at rest, never become a file."""
    put(gcs_strict_backend, tmp_path, "talk", b"good bytes")
    item = strict_gcs.buckets[gcs_strict_backend.bucket]["talk"]
    item.claimed_crc32c, item.data = item.resource["crc32c"], b"bad  bytes"
    with pytest.raises(StorageUnavailable, match="CRC32C"):
        gcs_strict_backend.storage.download(gcs_strict_backend.url("talk"), tmp_path / "got")
    assert not (tmp_path / "got").exists()


def test_gcs_reads_a_missing_size_as_zero(
    gcs_strict_backend: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers that write proto3's JSON leave out the size of an empty object."""
    whole: Any = vars(FakeObject)["resource"]
    sparse = property(lambda item: {k: v for k, v in whole.fget(item).items() if v != "0"})
    monkeypatch.setattr(FakeObject, "resource", sparse)
    assert put(gcs_strict_backend, tmp_path, "empty", b"").size_bytes == 0
    (listed,) = gcs_strict_backend.storage.list(gcs_strict_backend.url(""))
    assert listed.size_bytes == 0
    assert read(gcs_strict_backend, "empty") == b""


def test_gcs_retries_a_stalled_request() -> None:
    """Retries are limited by number, not by the seconds they took."""
    waited: list[float] = []

    def stalls_at_first() -> str:
        if not waited:
            waited.append(0.2)
            time.sleep(0.2)
            raise requests.ReadTimeout
        return "answer"

    policy = RetryPolicy(attempts=2, first_wait_seconds=0.01, longest_wait_seconds=0.01)
    assert retry_of(policy)(stalls_at_first)() == "answer"


@pytest.mark.parametrize("size", [100, (9 << 20) + 1], ids=["at once", "resumable"])
def test_gcs_upload_succeeds_when_its_first_answer_is_lost(
    gcs_strict_backend: Backend, strict_gcs: FakeGcs, tmp_path: Path, size: int
) -> None:
    """The second attempt of a conditional upload recognises its own object."""
    strict_gcs.lose_next_upload_answer = True
    made = put(gcs_strict_backend, tmp_path, "talk", bytes(size), only_if_absent=True)
    assert not strict_gcs.lose_next_upload_answer
    assert made == gcs_strict_backend.storage.stat(gcs_strict_backend.url("talk"))
    with pytest.raises(ObjectExists):
        put(gcs_strict_backend, tmp_path, "talk", b"another", only_if_absent=True)


def test_gcs_is_unavailable_when_no_server_listens(tmp_path: Path) -> None:
    """Every method soon raises StorageUnavailable."""
    storage = gcs_storage("http://127.0.0.1:9", policy=RetryPolicy(2, 0.01, 0.01))
    (tmp_path / "file").write_bytes(b"x")
    url = "gs://bucket/name"
    for call in (
        lambda: storage.stat(url),
        lambda: storage.open(url),
        lambda: storage.upload(tmp_path / "file", url),
        lambda: list(storage.list("gs://bucket/")),
        lambda: storage.copy(url, "gs://bucket/other"),
        lambda: storage.delete(url),
    ):
        with pytest.raises(StorageUnavailable):
            call()


@pytest.mark.parametrize("prefix", ["http://", ""])
def test_gcs_uses_the_emulator_named_in_the_environment(
    gcs_strict_backend: Backend,
    strict_gcs: FakeGcs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prefix: str,
) -> None:
    """STORAGE_EMULATOR_HOST works with and without a scheme, and needs no credentials."""
    put(gcs_strict_backend, tmp_path, "talk", b"talk")
    host = prefix + strict_gcs.endpoint.removeprefix("http://")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", host)
    with GcsStorage().open(gcs_strict_backend.url("talk")) as reader:
        assert reader.read() == b"talk"


def test_gcs_says_what_to_do_without_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The error for Google itself says how to get credentials."""
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SettingsError, match="STORAGE_EMULATOR_HOST"):
        connect(None, None)


def test_gcs_signs_with_a_throwaway_key_on_an_emulator(
    gcs_emulator_endpoint: str, gcs_emulator_backend: Backend, tmp_path: Path
) -> None:
    """Signed URLs work on an emulator without an account."""
    put(gcs_emulator_backend, tmp_path, "talk", b"talk")
    url = GcsStorage(endpoint=gcs_emulator_endpoint).signed_read_url(
        gcs_emulator_backend.url("talk"), expires_seconds=60
    )
    assert fetch(url) == b"talk"


class _Keyless:
    """Credentials as on Cloud Run: a token, and an e-mail known only after a refresh."""

    valid = False
    token: str | None = None
    service_account_email = "default"

    def __init__(self, email: str) -> None:
        self._email = email

    def refresh(self, request: object) -> None:
        self.token, self.service_account_email = "token-of-the-account", self._email


def test_gcs_signs_through_iam_when_credentials_have_no_key() -> None:
    """The client gets e-mail and token, with which it calls signBlob."""
    connection: Any = SimpleNamespace(credentials=_Keyless("run@p.iam"), is_emulator=False)
    assert signer_arguments(connection) == {
        "service_account_email": "run@p.iam",
        "access_token": "token-of-the-account",
    }


def test_gcs_refuses_to_sign_with_a_users_credentials() -> None:
    """The message says to impersonate a service account."""
    connection: Any = SimpleNamespace(credentials=_Keyless("default"), is_emulator=False)
    with pytest.raises(SettingsError, match="impersonate"):
        signer_arguments(connection)
