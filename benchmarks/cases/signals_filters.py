"""Filters against SciPy and against a plain C kernel."""

from __future__ import annotations

from benchmarks.rows import Row, Settings

NAME = "signals_filters"


def run(settings: Settings) -> list[Row]:
    """Measure speed and equality."""
    return []
