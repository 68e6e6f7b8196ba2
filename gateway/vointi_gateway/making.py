"""The store that the settings name."""

from __future__ import annotations

import secrets
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import ConfigError
from .settings import Settings
from .store.embedded import EmbeddedStore
from .store.influx import InfluxClient, InfluxStore, load, rehearse
from .store.influx.copying import FOLDER

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


def bring_values(settings: Settings, folder: Path) -> tuple[str, ...]:
    """Put what a backup has of a database's values into it; names of what that was in the folder.

    Raises StoreError.
    """
    if settings.store != "influx" or settings.influx is None or not settings.influx.backup_values:
        return ()
    client = InfluxClient(settings.influx)
    client.open()
    try:
        load(client, folder)
    finally:
        client.close()
    return (FOLDER,)


def rehearse_values(settings: Settings, folder: Path) -> int:
    """Bring them into a database of their own, and drop it again; how many. Raises StoreError."""
    if settings.store != "influx" or settings.influx is None or not settings.influx.backup_values:
        return 0
    name = f"{settings.influx.bucket}-drill-{secrets.token_hex(4)}"
    client = InfluxClient(replace(settings.influx, bucket=name))
    client.open()
    try:
        return rehearse(client, folder)
    finally:
        client.close()


def erase_person(store: object, person: str) -> str:
    """Remove a pseudonym from a store that tags values with it: ``done`` or ``none``.

    Raises StoreError.
    """
    if not isinstance(store, InfluxStore):
        return "none"
    store.erase_person(person)
    return "done"
