"""Cloud SQL through its connector, as an IAM user: no password, no allow-list."""

from __future__ import annotations

import threading
from typing import Any, Protocol

from shared.db.connect import DbapiConnect, SessionLimits


class CloudSqlConnector(Protocol):
    """The part of `google.cloud.sql.connector.Connector` that this module uses."""

    def connect(self, instance_connection_string: str, driver: str, **kwargs: Any) -> Any:
        """Open one connection and return it."""


def cloud_sql_connect(
    instance: str,
    *,
    iam_user: str,
    db_name: str,
    private_ip: bool,
    limits: SessionLimits,
    connector: CloudSqlConnector | None = None,
) -> DbapiConnect:
    """A function that opens one connection to `instance`, `project:region:instance`."""
    ip_type = "PRIVATE" if private_ip else "PUBLIC"

    def connect() -> Any:
        return (connector or _process_connector()).connect(
            instance,
            "pg8000",
            user=iam_user,
            db=db_name,
            enable_iam_auth=True,
            ip_type=ip_type,
            application_name=limits.application_name,
            startup_params=limits.startup_parameters(),
        )

    return connect


shared_connector: CloudSqlConnector | None = None
_connector_lock = threading.Lock()


def _process_connector() -> CloudSqlConnector:
    """The connector of this process, made at the first connection.

    It refreshes lazily: a background refresh stalls while a container has no CPU between requests,
    and the certificate then turns out to have expired.
    """
    global shared_connector
    with _connector_lock:
        if shared_connector is None:
            from google.cloud.sql.connector import Connector

            shared_connector = Connector(refresh_strategy="lazy")
        return shared_connector
