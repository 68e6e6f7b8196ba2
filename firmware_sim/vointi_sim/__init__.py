"""Simulated wellbeing devices that speak real protocols."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("vointi-sim")
