"""The store that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .config import Settings
from .errors import ConfigError
from .store.embedded import EmbeddedStore
from .store.influx import InfluxClient, InfluxStore

if TYPE_CHECKING:
    from .store.postgres import PostgresStore


def make_store(settings: Settings) -> EmbeddedStore | InfluxStore | PostgresStore:
    """The store, not yet open. Raises ConfigError when a part of it is not installed."""
    if settings.store == "influx":
        if settings.influx is None:
            raise ConfigError("config", "influx", 'is missing; store = "influx" needs it')
        return InfluxStore(settings.data_dir / InfluxStore.file_name, InfluxClient(settings.influx))
    if settings.store == "postgres":
        try:
            from .store.postgres import PostgresStore
        except ModuleNotFoundError as exc:
            problem = f"needs {exc.name}; install vointi-gateway[postgres]"
            raise ConfigError("config", "store", problem) from exc
        return PostgresStore(settings.postgres)
    return EmbeddedStore(settings.data_dir / EmbeddedStore.file_name)


def beside(settings: Settings) -> dict[str, Path | None]:
    """Folders of other programs that an erasure looks into, see Erasures."""
    return {} if settings.influx is None else {"influxdb": settings.influx.server_dir}


def erase_person(store: object, person: str) -> str:
    """Remove a pseudonym from a store that tags values with it: ``done`` or ``none``.

    Raises StoreError.
    """
    if not isinstance(store, InfluxStore):
        return "none"
    store.erase_person(person)
    return "done"
