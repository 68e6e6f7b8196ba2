"""Settings: one TOML file, overridden by VOINTI_… in the environment.

An error names the key and the fix; nothing is guessed.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import math
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from vointi_contract.errors import TopicError
from vointi_contract.topics import check_id

from .errors import ConfigError

_T = TypeVar("_T")

#: Environment names are this, then the key in capitals with _ for the dot: VOINTI_MQTT_PORT.
ENV_PREFIX = "VOINTI_"


#: Sets of shards at most; vointi-broker has two accounts for each.
MAX_SLOTS = 8
#: A busy machine does not come round to renewing more often.
MIN_LEASE_S = 1.0


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the broker is and who we are to it; the password is the first line of a file.

    With `tls` the broker must prove itself, and we prove ourselves by a certificate: those of the
    three files, or one of our own issuer where none is named.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    protocol: Literal["3.1.1", "5"] = "3.1.1"
    username: str = "gateway"
    password_file: Path | None = None
    client_id: str = "gateway"
    keepalive_s: int = 30
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    def password(self) -> str | None:
        """The password. Raises ConfigError when the file cannot be read."""
        return first_line(self.password_file, "mqtt.password_file")


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """How deliveries are grouped into transactions and how much may wait in memory."""

    linger_ms: float = 4.0
    max_messages: int = 2000
    max_bytes: int = 1_000_000
    #: Deliveries that may wait in each lane.
    queue: int = 5000
    #: Deliveries a second that one edge may send for long: a home sends ten, a recording at twenty
    #: times its speed two hundred, and the writer takes several thousand.
    edge_rate_hz: float = 2000.0
    #: Deliveries that one edge may send at once; less than `queue`, or one edge fills it.
    edge_burst: int = 2000


@dataclass(frozen=True, slots=True)
class PilotSettings:
    """One pilot and the edges that belong to it.

    In a pilot of `simulated` people every resident that an edge names is registered with a consent
    that says so; of real people nothing is kept that they have not agreed to.
    """

    id: str
    name: str
    kind: Literal["home", "service_point"]
    city: str = ""
    edges: tuple[str, ...] = ()
    people: Literal["real", "simulated"] = "real"


@dataclass(frozen=True, slots=True)
class InfluxSettings:
    """An InfluxDB 1.x or 2.x: the store itself, or copies of what the embedded store has.

    A bucket of 2.x is a database of 1.x; there the token is ``user:password``, or empty. What
    stands below the token is for the store alone, see docs/operators/influxdb.md.
    """

    url: str
    bucket: str
    org: str = ""
    token: str = ""
    token_file: Path | None = None
    #: Ids of pilots whose raw waveforms are kept, "*" for all; of others one-second summaries are.
    raw_waveforms: tuple[str, ...] = ()
    #: Whether points carry the pseudonym of who wore the device, for dashboards by person.
    tag_people: bool = False
    #: Days that raw waveforms, and everything but one-minute summaries, are kept; 0 is for ever.
    keep_waveform_days: int = 0
    keep_days: int = 0
    #: A server that takes longer is down: nothing is acknowledged, and it is asked again.
    timeout_s: float = 10.0
    #: Requests at a time: InfluxDB works on each with one core.
    connections: int = 3
    #: Whether `backup` has the values, too, or InfluxDB's own backup is made beside it.
    backup_values: bool = True
    #: Where the server keeps its files, if they can be read here: erasures are checked there.
    server_dir: Path | None = None


@dataclass(frozen=True, slots=True)
class PostgresSettings:
    """A PostgreSQL that several gateways share; `host` may be the folder of a Unix socket."""

    host: str = "127.0.0.1"
    port: int = 5432
    database: str = "vointi"
    user: str = "vointi"
    password_file: Path | None = None

    def password(self) -> str | None:
        """The password. Raises ConfigError when the file cannot be read."""
        return first_line(self.password_file, "postgres.password_file")


@dataclass(frozen=True, slots=True)
class ShardSettings:
    """How the gateways on one PostgreSQL share their work: the same numbers in each of them."""

    #: Sets of shards, each with two sessions at the broker.
    slots: int = 4
    #: A gateway that has said nothing for so long is dead, and the others take its slots.
    lease_s: float = 5.0


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """Certificates for edges. `names`: hosts and addresses that edges reach this server by."""

    names: tuple[str, ...]
    mqtt_port: int = 8883
    #: Shared with the broker; below the data folder when it is not set.
    bundle: Path | None = None


@dataclass(frozen=True, slots=True)
class HttpsSettings:
    """HTTPS with this certificate, or with one of our own issuer when no file is named."""

    cert_file: Path | None = None
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Who may scrape /api/v1/metrics without an account: whoever has the first line of a file."""

    token_file: Path | None = None

    def token(self) -> str:
        """The token as the file has it now, or nothing."""
        try:
            text = self.token_file.read_text(encoding="utf-8") if self.token_file else ""
        except (OSError, UnicodeDecodeError):  # while it is replaced, nobody has it
            return ""
        return text.partition("\n")[0].strip()


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """A program and its arguments that is given each new alarm, one line each, and its end."""

    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `vointi-gateway serve` needs to know."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 8080
    store: Literal["embedded", "influx", "postgres"] = "embedded"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    ingest: IngestSettings = field(default_factory=IngestSettings)
    pilot: tuple[PilotSettings, ...] = ()
    influx: InfluxSettings | None = None
    postgres: PostgresSettings = field(default_factory=PostgresSettings)
    shards: ShardSettings = field(default_factory=ShardSettings)
    #: Days that the embedded store keeps at hand before it moves them to Parquet files.
    hot_days: int = 7
    #: Who may open the pages: everybody on this machine, or people with an account; auto is local
    #: where only this machine is listened to, accounts elsewhere.
    auth: Literal["auto", "local", "accounts"] = "auto"
    identity: IdentitySettings | None = None
    https: HttpsSettings | None = None
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    alarms: AlarmSettings = field(default_factory=AlarmSettings)
    #: The address that people reach the pages by, for links in letters and messages; when it is not
    #: set, it is made of the first of `identity.names` and `port`.
    url: str = ""
    #: How long an export of everything about a person can be fetched; then its file is removed.
    export_days: int = 7
    #: Public keys of who may release the edge's program; `release.keys` in the data folder.
    release_keys: Path | None = None
    #: How long an edge may be silent about a device that another edge reaches, too, and keep it.
    lease_silent_s: float = 60.0

    @property
    def is_open(self) -> bool:
        """Whether pages need no sign-in: only ever on the loopback interface."""
        return self.auth != "accounts" and is_loopback(self.host)

    @property
    def address(self) -> str:
        """The address that people reach the pages by, without a slash at its end."""
        if self.url:
            return self.url.rstrip("/")
        host = self.identity.names[0] if self.identity and self.identity.names else self.host
        host = f"[{host}]" if ":" in host else host
        return f"{'http' if self.https is None else 'https'}://{host}:{self.port}"


def first_line(path: Path | None, key: str) -> str | None:
    """The password in a file, None without one. Raises ConfigError naming the key."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, UnicodeDecodeError, IndexError) as exc:
        problem = f"{path} holds no password; write it on the first line"
        raise ConfigError("config", key, problem) from exc


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the file and the environment. Raises ConfigError.

    A relative path in the file is meant from the file's folder, one in the environment from ours.
    """
    table: dict[str, Any] = {}
    where = "environment"
    if path is not None:
        where = path.name
        table = anchored(Settings, document(path), path.parent)
    _overlay(table, Settings, environ, ENV_PREFIX)
    settings = read_table(Settings, table, where)
    _check(settings, where)
    return settings


def document(path: Path) -> dict[str, Any]:
    """A TOML file. Raises ConfigError."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(str(path), "", f"cannot be read ({exc.strerror})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise ConfigError(path.name, "", f"is not TOML: {exc}") from exc


def anchored(cls: type, table: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A table of the settings class `cls`, its relative paths made from `base`."""
    hints = typing.get_type_hints(cls)
    return {key: _anchored(hints.get(key), value, base) for key, value in table.items()}


def _anchored(hint: Any, value: Any, base: Path) -> Any:
    inner = _dataclass_in(hint)
    if inner is not None and isinstance(value, dict):
        return anchored(inner, value, base)
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    is_path = Path in options and isinstance(value, str)
    return str(base / Path(value).expanduser()) if is_path else value


def _overlay(table: dict[str, Any], cls: type, environ: Mapping[str, str], prefix: str) -> None:
    for name, hint in typing.get_type_hints(cls).items():
        inner = _dataclass_in(hint)
        if inner is not None:
            given = table.get(name, {})
            if not isinstance(given, dict):
                continue
            below = dict(given)
            _overlay(below, inner, environ, f"{prefix}{name.upper()}_")
            if below:
                table[name] = below
        elif prefix + name.upper() in environ and typing.get_origin(hint) is not tuple:
            table[name] = _from_text(hint, environ[prefix + name.upper()])


def _dataclass_in(hint: Any) -> type | None:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return next((o for o in options if dataclasses.is_dataclass(o)), None)  # type: ignore[return-value]


def _from_text(hint: Any, text: str) -> Any:
    if hint is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    for kind in (int, float):
        if hint is kind:
            try:
                return kind(text)
            except ValueError:
                return text
    return text


def read_table(cls: type[_T], table: Mapping[str, Any], where: str, prefix: str = "") -> _T:
    """A TOML table as the settings class `cls`. Raises ConfigError with the dotted key."""
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in hints:
            raise ConfigError(where, prefix + key, _unknown(key, prefix, list(hints)))
    values = {key: _value(hints[key], value, where, prefix + key) for key, value in table.items()}
    for item in dataclasses.fields(cls):  # type: ignore[arg-type]
        has_default = (item.default, item.default_factory) != (dataclasses.MISSING,) * 2
        if item.name not in values and not has_default:
            raise ConfigError(where, prefix + item.name, "is missing; set it")
    return cls(**values)


def _unknown(key: str, prefix: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    if close:
        return f"unknown key; did you mean {prefix}{close[0]}?"
    return f"unknown key; known are {', '.join(sorted(known))}"


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    inner = _dataclass_in(hint)
    if inner is not None:
        if not isinstance(value, dict):
            raise ConfigError(where, key, f"must be a table, not {value!r}; write [{key}]")
        return read_table(inner, value, where, f"{key}.")
    if typing.get_origin(hint) is Literal:
        return _choice(typing.get_args(hint), value, where, key)
    if typing.get_origin(hint) is tuple:
        return _items(typing.get_args(hint)[0], value, where, key)
    return _plain(hint, value, where, key)


def _choice(choices: tuple[Any, ...], value: Any, where: str, key: str) -> Any:
    if value in choices:
        return value
    wanted = " or ".join(f'"{c}"' for c in choices)
    raise ConfigError(where, key, f"{value!r} is not known; use {wanted}")


def _items(hint: Any, value: Any, where: str, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(where, key, f"must be a list, not {value!r}")
    return tuple(_value(hint, item, where, f"{key}[{i}]") for i, item in enumerate(value))


def _plain(hint: Any, value: Any, where: str, key: str) -> Any:
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if Path in options and isinstance(value, str):
        return Path(value).expanduser()
    if float in options and type(value) in (int, float):
        return _finite(value, where, key)
    if str in options and isinstance(value, str):
        return _writable(value, where, key)
    for kind in (bool, int):
        if kind in options and type(value) is kind:
            return value
    names = {str: "text", int: "a whole number", float: "a number", Path: "a path in quotes"}
    names |= {bool: "true or false"}
    wanted = " or ".join(names[o] for o in options if o in names)
    raise ConfigError(where, key, f"must be {wanted}, not {value!r}")


def _finite(value: float, where: str, key: str) -> float:
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise ConfigError(where, key, "must be a number that is finite and not that large")
    return number


def _writable(text: str, where: str, key: str) -> str:
    """JSON can spell half a character, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        problem = "holds half a surrogate pair; write it in UTF-8"
        raise ConfigError(where, key, problem) from None
    return text


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
