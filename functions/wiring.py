"""From settings to ports: the one place that chooses adapters."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import structlog
from sqlalchemy import Engine

from shared.db.engine import make_engine
from shared.engines.llm.client import ModelClient
from shared.engines.llm.protocol import Endpoint, LanguageModel
from shared.engines.speech.choose import EngineChoice, choose_engine
from shared.engines.speech.protocol import SpeechEngine
from shared.errors import SettingsError
from shared.messaging.protocol import Publisher
from shared.messaging.pubsub.publisher import PubSubPublisher
from shared.messaging.pubsub.rest_publisher import RestPublisher
from shared.messaging.traced import TracedPublisher
from shared.pipeline.context import Context
from shared.pipeline.topology import Topology
from shared.settings.settings import PREFIX, Settings
from shared.storage.router import StorageRouter

_log = structlog.get_logger(__name__)


class Speech:
    """The speech engine, chosen at the first slice and kept until the process ends."""

    def __init__(self, settings: Settings, on_notice: Callable[[str], None] | None = None) -> None:
        self._settings = settings
        self._on_notice = on_notice or (lambda notice: _log.warning("speech", notice=notice))
        self._lock = threading.Lock()

    def __call__(self) -> SpeechEngine:
        """The loaded engine. Raises `SettingsError`."""
        with self._lock:
            return self._choice.engine

    @cached_property
    def _choice(self) -> EngineChoice:
        settings = self._settings
        choice = choose_engine(
            engine=settings.speech_engine,
            model=settings.whisper_model,
            allow_download=settings.whisper_download,
        )
        if choice.notice is not None:
            self._on_notice(choice.notice)
        return choice


class Models:
    """The clients of language models, one for each endpoint."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clients: dict[Endpoint, ModelClient] = {}

    def __call__(self, endpoint: Endpoint) -> LanguageModel:
        """The endpoint's client. It does not connect yet."""
        with self._lock:
            return self._clients.setdefault(endpoint, ModelClient(endpoint))

    def close(self) -> None:
        """Close every client's connections."""
        with self._lock:
            clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()


def engine_from(settings: Settings) -> Engine:
    """The settings' database. Raises `SettingsError` if they name none."""
    url = settings.database_url.get_secret_value() if settings.database_url else None
    if url is None and settings.cloud_sql_instance is None:
        raise SettingsError(f"Set {PREFIX}DATABASE_URL or {PREFIX}CLOUD_SQL_INSTANCE.")
    return make_engine(
        url,
        cloud_sql_instance=settings.cloud_sql_instance,
        iam_user=settings.cloud_sql_user,
        db_name=settings.cloud_sql_database,
        private_ip=settings.cloud_sql_private_ip,
        pool_size=settings.database_pool_size,
    )


def storage_from(settings: Settings) -> StorageRouter:
    """The settings' object stores. Each connects at its first use."""
    return StorageRouter(
        folder_root=settings.folder_root,
        gcs_endpoint=settings.gcs_endpoint,
        gcs_project=settings.project,
        s3_endpoint=settings.s3_endpoint,
        s3_region=settings.s3_region,
    )


def publisher_from(settings: Settings) -> Publisher:
    """Pub/Sub. Raises `SettingsError` without a project."""
    if settings.project is None:
        raise SettingsError(f"Set {PREFIX}PROJECT to the Google Cloud project of the topics.")
    if settings.pubsub_endpoint is not None:
        return RestPublisher(settings.pubsub_endpoint, settings.project)
    return PubSubPublisher(settings.project)


def make_context(
    settings: Settings,
    topology: Topology,
    *,
    engine: Engine | None = None,
    publisher: Publisher | None = None,
    speech: Callable[[], SpeechEngine] | None = None,
    llm: Callable[[Endpoint], LanguageModel] | None = None,
    work_root: Path | None = None,
) -> Context:
    """All ports of one process. Raises `SettingsError` that names the missing setting."""
    if settings.upload_url is None or settings.derived_url is None:
        raise SettingsError(f"Set {PREFIX}UPLOAD_URL and {PREFIX}DERIVED_URL.")
    return Context(
        engine=engine or engine_from(settings),
        storage=storage_from(settings),
        publisher=TracedPublisher(publisher or publisher_from(settings)),
        topology=topology,
        settings=settings,
        speech=speech or Speech(settings),
        llm=llm or Models(),
        upload_url=settings.upload_url,
        derived_url=settings.derived_url,
        work_root=work_root,
    )
