"""The store that the settings name."""

from __future__ import annotations

from pathlib import Path

from .config import Settings
from .errors import ConfigError
from .store.embedded import EmbeddedStore
from .store.influx import InfluxClient, InfluxStore


def make_store(settings: Settings) -> EmbeddedStore | InfluxStore:
    """The store, not yet open. Raises ConfigError when a part of it is not installed."""
    if settings.store == "influx":
        if settings.influx is None:
            raise ConfigError("config", "influx", 'is missing; store = "influx" needs it')
        return InfluxStore(settings.data_dir / InfluxStore.file_name, InfluxClient(settings.influx))
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
