"""The embedded store: one DuckDB file, written by one thread, read by cursors."""

from __future__ import annotations

from .backend import EmbeddedStore

__all__ = ["EmbeddedStore"]
