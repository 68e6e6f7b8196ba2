"""Measures this project and its peers side by side: ``python -m benchmarks``."""

from __future__ import annotations

from benchmarks.rows import Row, Settings
from benchmarks.timing import best_ns

__all__ = ["Row", "Settings", "best_ns"]
