"""Copies for InfluxDB 2 and Grafana; the embedded store stays the store of record."""

from __future__ import annotations

from .forwarder import InfluxForwarder

__all__ = ["InfluxForwarder"]
