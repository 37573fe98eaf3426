"""What users who do not own the tables may do with them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Engine, text

from shared.db.migrate import VERSION_TABLE


def grant_use(engine: Engine, users: Collection[str]) -> None:
    """Let `users` read and write every table, and change none.

    Called by the tables' owner after each upgrade, for it reaches the tables there are. Raises
    `sqlalchemy.exc.DBAPIError` for a user that does not exist; then nothing is granted.
    """
    if not users:
        return
    with engine.begin() as connection:
        quote = connection.dialect.identifier_preparer.quote_identifier
        grantees = ", ".join(quote(user) for user in users)
        for statement in (
            f"GRANT USAGE ON SCHEMA public TO {grantees}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {grantees}",
            f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {grantees}",
            f"REVOKE INSERT, UPDATE, DELETE ON {VERSION_TABLE} FROM {grantees}",
        ):
            connection.execute(text(statement.replace(":", r"\:")))
