"""Figures of the filters' pages."""

from __future__ import annotations

from pathlib import Path


def draw_all(folder: Path) -> list[Path]:
    """Draw everything."""
    return []
