"""InfluxDB 1.x and 2.x: as the store, or as a copy of the embedded one for dashboards."""

from __future__ import annotations

from .backend import InfluxStore
from .client import InfluxClient
from .copying import load, rehearse
from .forwarder import InfluxForwarder

__all__ = ["InfluxClient", "InfluxForwarder", "InfluxStore", "load", "rehearse"]
