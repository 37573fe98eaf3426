"""The schema of the live database and of the owner's specification, in one form."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, text

SPEC = Path(__file__).resolve().parents[2] / "spec"


@dataclass(frozen=True)
class Column:
    """One column. `references` is `table(column) ON DELETE ACTION`; checks are normalised."""

    type: str
    nullable: bool
    default: str | None = None
    primary_key: bool = False
    unique: bool = False
    references: str | None = None
    checks: frozenset[str] = field(default_factory=frozenset)


Schema = dict[str, dict[str, Column]]


def specified_columns() -> Schema:
    """tests/spec/columns.csv in PostgreSQL's words."""
    schema: Schema = {}
    for row in _specified("columns.csv", "wide-columns.csv"):
        column = _specified_column(row["table"], row["column"], row["type"], row["constraints"])
        schema.setdefault(row["table"], {})[row["column"]] = column
    return schema


def specified_indexes() -> dict[str, str]:
    """tests/spec/indexes.csv: name to `table` and definition."""
    return {
        row["index"]: f"{row['table']} {row['definition']}"
        for row in _specified("indexes.csv", "wide-indexes.csv")
    }


def _specified(*names: str) -> Iterator[dict[str, str]]:
    for name in names:
        with (SPEC / name).open(newline="") as lines:
            yield from csv.DictReader(lines)


def live_columns(connection: Connection) -> Schema:
    """All tables of the database except alembic's."""
    rows = connection.execute(
        text(
            """
            SELECT t.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                   pg_get_expr(d.adbin, d.adrelid)
            FROM pg_attribute a
            JOIN pg_class t ON t.oid = a.attrelid AND t.relkind = 'r'
            JOIN pg_namespace n ON n.oid = t.relnamespace AND n.nspname = 'public'
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
            WHERE a.attnum > 0 AND NOT a.attisdropped AND t.relname <> 'alembic_version'
            ORDER BY t.relname, a.attnum
            """
        )
    ).all()
    constraints = _live_constraints(connection)
    schema: Schema = {}
    for table, name, type_name, not_null, default in rows:
        of_column = constraints.get((table, name), [])
        schema.setdefault(table, {})[name] = Column(
            type=type_name,
            nullable=not not_null,
            default=default,
            primary_key=any(kind == "p" for kind, _ in of_column),
            unique=any(kind == "u" for kind, _ in of_column),
            references=next((_reference(text_) for kind, text_ in of_column if kind == "f"), None),
            checks=frozenset(_normal(text_) for kind, text_ in of_column if kind == "c"),
        )
    return schema


def live_indexes(connection: Connection) -> dict[str, str]:
    """Name to definition of every index that does not belong to a primary key."""
    return {
        name: definition
        for name, definition in connection.execute(
            text(
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
                "AND indexname NOT LIKE '%\\_pkey' AND tablename <> 'alembic_version'"
            )
        )
        if not name.startswith("alembic")
    }


def _live_constraints(connection: Connection) -> dict[tuple[str, str], list[tuple[str, str]]]:
    """(table, last named column) to kind and definition; of several columns, the last counts."""
    rows = connection.execute(
        text(
            """
            SELECT c.conrelid::regclass::text, a.attname, c.contype::text,
                   pg_get_constraintdef(c.oid)
            FROM pg_constraint c
            JOIN pg_attribute a ON a.attrelid = c.conrelid
                AND a.attnum = CASE WHEN c.contype = 'c'
                    THEN (SELECT max(k) FROM unnest(c.conkey) k
                          JOIN pg_attribute x ON x.attrelid = c.conrelid AND x.attnum = k)
                    ELSE c.conkey[1] END
            WHERE c.contype IN ('p', 'f', 'c') OR (c.contype = 'u' AND cardinality(c.conkey) = 1)
            """
        )
    )
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for table, column, kind, definition in rows:
        found.setdefault((table, column), []).append((kind, definition))
    return found


def _specified_column(table: str, name: str, type_name: str, constraints: str) -> Column:
    primary_key = "PRIMARY KEY" in constraints
    default = None
    if type_name == "SERIAL":
        default = f"nextval('{table}_{name}_seq'::regclass)"
    elif written := re.search(r"DEFAULT (\S+)", constraints):
        default = {
            "NOW()": "now()",
            "now()": "now()",
            "FALSE": "false",
            "'en'": "'en'::character varying",
        }[written.group(1)]
    # "NOT NULL" makes it required; "NULL" or nothing does not.
    return Column(
        type=_POSTGRES_NAMES.get(type_name)
        or re.sub(r"VARCHAR(\(\d+\))", r"character varying\1", type_name),
        nullable=not primary_key and "NOT NULL" not in constraints,
        default=default,
        primary_key=primary_key,
        unique="UNIQUE" in constraints,
        references=_specified_reference(constraints),
        checks=frozenset(
            _normal(check) for check in re.findall(r"CHECK \(.*?\)(?=,|$)", constraints)
        ),
    )


_POSTGRES_NAMES = {
    "SERIAL": "integer",
    "INTEGER": "integer",
    "BIGINT": "bigint",
    "BOOLEAN": "boolean",
    "FLOAT": "double precision",
    "TEXT": "text",
    "JSONB": "jsonb",
    # The one deviation, by decision 0002.
    "TIMESTAMP": "timestamp with time zone",
    "TIMESTAMPTZ": "timestamp with time zone",
}


def _specified_reference(constraints: str) -> str | None:
    found = re.search(r"FK -> (\w+\(\w+\)) ON DELETE (CASCADE|SET NULL)", constraints)
    return f"{found.group(1)} ON DELETE {found.group(2)}" if found else None


def _reference(definition: str) -> str:
    return definition.split(" REFERENCES ", 1)[1]


def _normal(check: str) -> str:
    """`CHECK ((a > b))` and `CHECK (a > b)` are equal."""
    return re.sub(r"[()\s]|double precision|::", "", check.removeprefix("CHECK")).lower()
