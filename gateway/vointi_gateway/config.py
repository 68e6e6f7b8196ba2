"""Settings: one TOML file, overridden by VOINTI_… in the environment.

An error names the key and the fix; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vointi_contract.errors import TopicError
from vointi_contract.topics import check_id

from .errors import ConfigError
from .settings import MAX_SLOTS, Settings, ShardSettings, is_loopback
from .tables import anchored, document, overlay, read_table

#: Environment names are this, then the key in capitals with _ for the dot: VOINTI_MQTT_PORT.
ENV_PREFIX = "VOINTI_"
#: Names the file where a command does not.
FILE_NAME = "VOINTI_CONFIG"
#: A busy machine does not come round to renewing more often.
MIN_LEASE_S = 1.0


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the file (or the one that VOINTI_CONFIG names) and the environment. Raises ConfigError.

    A relative path in the file is meant from the file's folder, one in the environment from ours.
    """
    table: dict[str, Any] = {}
    where = "environment"
    if path is None and FILE_NAME in environ:
        path = Path(environ[FILE_NAME])
    if path is not None:
        where = path.name
        table = anchored(Settings, document(path), path.parent)
    overlay(table, Settings, environ, ENV_PREFIX)
    if path is None and "data_dir" not in table:
        problem = f"is missing; name the file with --config gateway.toml, or in {FILE_NAME}"
        raise ConfigError(where, "data_dir", problem)
    settings = read_table(Settings, table, where)
    _check(settings, where)
    return settings


def _check(settings: Settings, where: str) -> None:
    _check_numbers(settings, where)
    _check_doors(settings, where)
    _check_store(settings, where)
    _check_shards(settings.shards, where)
    owner: dict[str, str] = {}
    seen: set[str] = set()
    for i, pilot in enumerate(settings.pilot):
        _check_name(pilot.id, where, f"pilot[{i}].id")
        if pilot.id in seen:
            raise ConfigError(where, f"pilot[{i}].id", f"{pilot.id} stands twice; rename one")
        seen.add(pilot.id)
        for j, edge in enumerate(pilot.edges):
            key = f"pilot[{i}].edges[{j}]"
            _check_name(edge, where, key)
            if edge in owner:
                problem = f"{edge} belongs to pilot {owner[edge]} already; an edge has one pilot"
                raise ConfigError(where, key, problem)
            owner[edge] = pilot.id


def _check_store(settings: Settings, where: str) -> None:
    if settings.store == "influx" and settings.influx is None:
        problem = 'is missing; store = "influx" needs it: url, bucket, and org and token for 2.x'
        raise ConfigError(where, "influx", problem)
    if settings.influx is not None and settings.influx.connections < 1:
        problem = f"{settings.influx.connections} is too few; use 1 or more"
        raise ConfigError(where, "influx.connections", problem)
    if settings.store == "postgres" and settings.influx is not None:
        raise ConfigError(
            where, "influx", 'is copied to from store = "embedded" alone; leave it out'
        )


def _check_numbers(settings: Settings, where: str) -> None:
    for key, port in (("port", settings.port), ("mqtt.port", settings.mqtt.port)):
        if not 0 <= port <= 65535:
            raise ConfigError(where, key, f"{port} is no port; use 0 to 65535")
    if settings.hot_days < 1:
        raise ConfigError(where, "hot_days", f"{settings.hot_days} is too few; use 1 or more")
    if settings.export_days < 1:
        raise ConfigError(where, "export_days", f"{settings.export_days} is too few; use 1 or more")
    if settings.lease_silent_s < MIN_LEASE_S:
        problem = f"{settings.lease_silent_s:g} is too short; use {MIN_LEASE_S:g} or more"
        raise ConfigError(where, "lease_silent_s", problem)


def _check_doors(settings: Settings, where: str) -> None:
    if settings.auth == "local" and not is_loopback(settings.host):
        problem = f'"local" lets everybody in who reaches {settings.host}; use "accounts"'
        raise ConfigError(where, "auth", problem)
    identity, https = settings.identity, settings.https
    _check_mqtt(settings, where)
    if identity is not None and not identity.names:
        raise ConfigError(where, "identity.names", 'is empty; write e.g. ["gateway.example.org"]')
    if https is None:
        return
    if (https.cert_file is None) != (https.key_file is None):
        raise ConfigError(where, "https", "needs cert_file and key_file, or neither")
    if https.cert_file is None and identity is None:
        raise ConfigError(where, "https.cert_file", "is missing; set it, or add [identity]")


def _check_mqtt(settings: Settings, where: str) -> None:
    mqtt = settings.mqtt
    files = (mqtt.ca_file, mqtt.cert_file, mqtt.key_file)
    if any(files) and not all(files):
        raise ConfigError(where, "mqtt", "needs ca_file, cert_file and key_file, or none of them")
    if any(files) and not mqtt.tls:
        raise ConfigError(where, "mqtt.tls", "is false, and files are named; set it to true")
    if mqtt.tls and not any(files) and settings.identity is None:
        raise ConfigError(where, "mqtt.ca_file", "is missing; set it, or add [identity]")


def _check_shards(shards: ShardSettings, where: str) -> None:
    if not 1 <= shards.slots <= MAX_SLOTS:
        problem = f"{shards.slots} is none of 1 to {MAX_SLOTS}; the broker has accounts for so many"
        raise ConfigError(where, "shards.slots", problem)
    if shards.lease_s < MIN_LEASE_S:
        problem = f"{shards.lease_s:g} is too short; a lease under {MIN_LEASE_S:g} s ends by itself"
        raise ConfigError(where, "shards.lease_s", problem)


def _check_name(name: str, where: str, key: str) -> None:
    try:
        check_id(name, key)
    except TopicError as exc:
        raise ConfigError(where, "", str(exc)) from exc
