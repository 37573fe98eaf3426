"""Reading database URLs: what is understood, and what is refused and how."""

from __future__ import annotations

import pytest

from shared.db.engine import make_engine
from shared.db.url import parse_database_url
from shared.errors import SettingsError


@pytest.mark.parametrize("scheme", ["postgresql+pg8000", "postgresql", "postgres"])
def test_all_spellings_name_one_driver(scheme: str) -> None:
    """The three usual schemes are one."""
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
def test_both_spellings_of_a_socket(url: str) -> None:
    """pg8000 names the socket, libpq its folder."""
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
def test_tls_is_not_tried_on_this_machine_only(host: str, mode: str) -> None:
    """TLS is preferred everywhere but on loopback."""
    assert parse_database_url(f"postgresql://u@{host}/d")[1].ssl_mode == mode


def test_tls_can_be_asked_for() -> None:
    """What the URL says wins."""
    assert parse_database_url("postgresql://u@localhost/d?sslmode=require")[1].ssl_mode == "require"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url", "is no URL"),
        ("postgresql://u:s3cret@h:port/d", "is no URL"),
        ("mysql://u:s3cret@h/d", "only postgresql"),
        ("postgresql+psycopg2://u:s3cret@h/d", "only postgresql"),
        ("postgresql://u:s3cret@h/d?sslmode=maybe", "sslmode=maybe"),
        ("postgresql://u:s3cret@h/d?colour=red", "colour"),
        ("postgresql://u:s3cret@h/d?sslmode=verify-full&sslrootcert=/no/such", "is no file"),
    ],
)
def test_unusable_urls_are_refused_in_one_line(url: str, said: str) -> None:
    """The setting is named, what is wrong is said, and the password is not."""
    with pytest.raises(SettingsError, match=said) as caught:
        make_engine(url)
    message = str(caught.value)
    assert "VIDEOMOMENTS_DATABASE_URL" in message
    assert "s3cret" not in message
    assert "\n" not in message


def test_no_database_at_all_is_said() -> None:
    """Neither a URL nor an instance: both settings are named."""
    with pytest.raises(SettingsError, match=r"DATABASE_URL or VIDEOMOMENTS_CLOUD_SQL_INSTANCE"):
        make_engine(None)


def test_cloud_sql_without_a_user_is_said() -> None:
    """IAM needs to know as whom."""
    with pytest.raises(SettingsError, match="VIDEOMOMENTS_CLOUD_SQL_USER"):
        make_engine(None, cloud_sql_instance="p:r:i")
