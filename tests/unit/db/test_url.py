"""Database URLs: the accepted forms and the messages for the refused ones."""

from __future__ import annotations

import pytest

from shared.db.engine import make_engine
from shared.db.url import parse_database_url
from shared.errors import SettingsError


@pytest.mark.parametrize("scheme", ["postgresql+pg8000", "postgresql", "postgres"])
def test_url_schemes_select_the_same_driver(scheme: str) -> None:
    """The three usual schemes select the same driver."""
    url, target = parse_database_url(f"{scheme}://u:p%40ss@db.example:6000/d")
    assert url.drivername == "postgresql+pg8000"
    assert (target.user, target.password, target.database) == ("u", "p@ss", "d")
    assert (target.host, target.port, target.unix_socket) == ("db.example", 6000, None)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@/d?unix_sock=/run/pg/.s.PGSQL.5432",
        "postgresql://u@/d?host=/run/pg",
    ],
)
def test_url_accepts_a_socket_file_or_its_folder(url: str) -> None:
    """pg8000 names the socket file, libpq its folder."""
    assert parse_database_url(url)[1].unix_socket == "/run/pg/.s.PGSQL.5432"


@pytest.mark.parametrize(
    ("host", "mode"),
    [
        ("localhost", "disable"),
        ("127.0.0.1", "disable"),
        ("127.8.8.8", "disable"),
        ("[::1]", "disable"),
        ("db.example", "prefer"),
        ("10.0.0.1", "prefer"),
        ("localhost.example", "prefer"),
    ],
)
def test_url_prefers_tls_except_on_loopback(host: str, mode: str) -> None:
    """Only loopback connections go without TLS by default."""
    assert parse_database_url(f"postgresql://u@{host}/d")[1].ssl_mode == mode


def test_url_sslmode_overrides_the_default() -> None:
    """The mode in the URL wins."""
    assert parse_database_url("postgresql://u@localhost/d?sslmode=require")[1].ssl_mode == "require"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url", "is not a URL"),
        ("postgresql://u:s3cret@h:port/d", "is not a URL"),
        ("mysql://u:s3cret@h/d", "only postgresql"),
        ("postgresql+psycopg2://u:s3cret@h/d", "only postgresql"),
        ("postgresql://u:s3cret@h/d?sslmode=maybe", "sslmode=maybe"),
        ("postgresql://u:s3cret@h/d?colour=red", "colour"),
        ("postgresql://u:s3cret@h/d?sslmode=verify-full&sslrootcert=/no/such", "is not a file"),
    ],
)
def test_url_is_refused_in_one_line_when_unusable(url: str, said: str) -> None:
    """The message names the setting and the fault, and hides the password."""
    with pytest.raises(SettingsError, match=said) as caught:
        make_engine(url)
    message = str(caught.value)
    assert "VIDEOMOMENTS_DATABASE_URL" in message
    assert "s3cret" not in message
    assert "\n" not in message


def test_database_settings_are_both_named_when_neither_is_set() -> None:
    """Without a URL and an instance, the message names both settings."""
    with pytest.raises(SettingsError, match=r"DATABASE_URL or VIDEOMOMENTS_CLOUD_SQL_INSTANCE"):
        make_engine(None)


def test_cloud_sql_asks_for_a_user_when_none_is_set() -> None:
    """IAM authentication needs a user name."""
    with pytest.raises(SettingsError, match="VIDEOMOMENTS_CLOUD_SQL_USER"):
        make_engine(None, cloud_sql_instance="p:r:i")
