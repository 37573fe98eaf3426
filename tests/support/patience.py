"""How long a test waits for what must happen."""

from __future__ import annotations

PATIENCE_SECONDS = 600.0
"""Long enough for the busiest machine: only a test that fails waits for so long."""
