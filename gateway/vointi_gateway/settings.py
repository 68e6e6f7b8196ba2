"""What the gateway can be told: every setting, what it means, and what it is when nobody says."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .errors import ConfigError

#: Sets of shards at most; vointi-broker has two accounts for each.
MAX_SLOTS = 8


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

    #: A commit has a fixed price, and while it lasts the next group gathers by itself.
    linger_ms: float = 1.0
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
