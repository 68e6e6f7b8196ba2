"""PostgreSQL as a store that several gateways share (pg8000)."""

from __future__ import annotations

from .backend import PostgresStore

__all__ = ["PostgresStore"]
