"""The base of all tables: names of constraints, column types, and the database's clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Float, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMING_CONVENTION = {
    "pk": "%(table_name)s_pkey",
    "fk": "%(table_name)s_%(column_0_name)s_fkey",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}


class Base(DeclarativeBase):
    """Base of every model. Times are TIMESTAMPTZ, documents JSONB, text unbounded by default."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        float: Float,
        str: Text,
    }


def time_of_creation() -> Mapped[datetime]:
    """A `DEFAULT NOW()` column. The specification allows NULL; our code never writes it."""
    return mapped_column(DateTime(timezone=True), server_default=func.now(), nullable=True)
