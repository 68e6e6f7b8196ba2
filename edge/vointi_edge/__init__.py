"""The edge: devices in, durable readings out."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("vointi-edge")
