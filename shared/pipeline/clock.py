"""The database's clock is the only one: workers' clocks may be minutes apart."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, DateTime, Interval, func, literal, type_coerce


@dataclass(slots=True)
class Clock:
    """Database time. `offset` shifts it, so that tests need not wait."""

    offset: timedelta = timedelta(0)

    def now(self) -> ColumnElement[datetime]:
        """The present, as an SQL expression; moves on within a transaction."""
        present = func.clock_timestamp()
        if self.offset:
            shifted = present + literal(self.offset, Interval)
            return type_coerce(shifted, DateTime(timezone=True))
        return type_coerce(present, DateTime(timezone=True))

    def after(self, seconds: float) -> ColumnElement[datetime]:
        """`seconds` from now (before, when negative)."""
        shifted = func.clock_timestamp() + literal(
            self.offset + timedelta(seconds=seconds), Interval
        )
        return type_coerce(shifted, DateTime(timezone=True))
