"""influxdb-client, spoken to in what 1.x and 2.x have in common: lines in, InfluxQL out."""

from __future__ import annotations

import base64
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...errors import ConfigError, StoreError, UnstorableError
from ...settings import InfluxSettings
from .capabilities import Capabilities, capabilities

#: What a server before 1.8 calls the units of time on /write.
_PRECISION = {"ns": "n", "us": "u"}
#: A write that drops what the retention policy would drop at once has kept all there is to keep.
#: 1.x and 2.x have different words for it.
_EXPIRED = ("points beyond retention policy", "points outside retention policy")


@dataclass(frozen=True, slots=True)
class Table:
    """One series of an answer: its tags, and rows whose first column is the time, UTC ns."""

    name: str
    tags: Mapping[str, str]
    columns: tuple[str, ...]
    rows: list[list[Any]]


class InfluxClient:
    """One server and database.

    `capabilities` is asked for once; a server that is down is a StoreError, and it is asked again.

    Args:
        settings: where it is and what its database is called.

    """

    def __init__(self, settings: InfluxSettings) -> None:
        self.settings = settings
        self.database = settings.bucket
        try:
            self._domain: Any = importlib.import_module("influxdb_client")
            self._writing: Any = importlib.import_module("influxdb_client.client.write_api")
            urllib3 = importlib.import_module("urllib3")
        except ImportError as exc:
            problem = "needs the client; install vointi-gateway[influx] or remove the table"
            raise ConfigError("config", "influx", problem) from exc
        rest = importlib.import_module("influxdb_client.rest")
        self._errors: tuple[Any, ...] = (rest.ApiException, urllib3.exceptions.HTTPError)
        self._token = token_of(settings)
        self._known: Capabilities | None = None
        self._client: Any = None

    def open(self) -> None:
        """Make ready; nothing is sent yet. May be called twice."""
        self.close()
        timeout_ms = int(self.settings.timeout_s * 1000)
        self._client = self._domain.InfluxDBClient(
            self.settings.url, self._token, org=self.settings.org, timeout=timeout_ms
        )
        self._call = self._client.api_client.call_api
        self._client.api_client.call_api = self._rewritten
        self._write: Any = self._client.write_api(write_options=self._writing.SYNCHRONOUS)

    def close(self) -> None:
        """Release the connections. May be called twice."""
        client, self._client, self._known = self._client, None, None
        if client is not None:
            client.close()

    @property
    def capabilities(self) -> Capabilities:
        """What the server can do. Raises StoreError."""
        if self._client is None:
            raise StoreError("the store is closed")
        if self._known is None:
            try:
                _, _, headers = self._call("/ping", "GET", auth_settings=[])
            except self._errors as exc:
                raise self._refusal(exc) from exc
            names = {name.lower(): value for name, value in dict(headers).items()}
            known = capabilities(names.get("x-influxdb-version", ""))
            if not known.v2_write:
                self._sign_in_the_old_way()
            self._known = known
        return self._known

    def write(self, lines: bytes, policy: str = "", precision: str = "ns") -> None:
        """Write lines into a retention policy. Raises StoreError, UnstorableError."""
        _ = self.capabilities
        bucket = f"{self.database}/{policy}" if policy else self.database
        org = self.settings.org
        try:
            self._write.write(bucket=bucket, org=org, record=lines, write_precision=precision)
        except self._errors as exc:
            said = _said(exc)
            if any(words in said for words in _EXPIRED) and "conflict" not in said:
                return
            raise self._refusal(exc) from exc

    def query(self, statement: str) -> list[Table]:
        """Ask, or tell, in InfluxQL. Raises StoreError."""
        _ = self.capabilities
        words = [("db", self.database), ("q", statement), ("epoch", "ns")]
        try:
            answer = self._client.api_client.call_api(
                *("/query", "POST"),
                query_params=words,
                response_type="object",
                auth_settings=[],
                _return_http_data_only=True,
            )
        except self._errors as exc:
            raise self._refusal(exc) from exc
        if not isinstance(answer, dict):
            raise StoreError("influx.url: what answers is no InfluxDB; check the address")
        tables: list[Table] = []
        for result in answer.get("results", []):
            if "error" in result:
                raise StoreError(f"InfluxDB refused a query: {result['error']}")
            tables.extend(map(_table, result.get("series", [])))
        return tables

    def delete(self, predicate: str, from_ns: int, to_ns: int, bucket: str) -> None:
        """Erase by the API of 2.x from one bucket, times half-open. Raises StoreError."""
        try:
            self._client.delete_api().delete(
                *(_rfc3339(from_ns), _rfc3339(to_ns - 1)),
                predicate,
                bucket=bucket,
                org=self.settings.org,
            )
        except self._errors as exc:
            raise self._refusal(exc) from exc

    def has_bucket(self, bucket: str) -> bool:
        """Whether a 2.x has a bucket that the token may see. Raises StoreError."""
        try:
            return self._client.buckets_api().find_bucket_by_name(bucket) is not None
        except self._errors as exc:
            raise self._refusal(exc) from exc

    def make_bucket(self, bucket: str, keep_s: int) -> None:
        """Make a bucket of 2.x, or set how long it keeps; 0 is for ever. Raises StoreError."""
        api, org = self._client.buckets_api(), self.settings.org
        rule = self._domain.BucketRetentionRules(type="expire", every_seconds=keep_s)
        try:
            found = api.find_bucket_by_name(bucket)
            if found is None:
                api.create_bucket(bucket_name=bucket, retention_rules=rule, org=org)
            elif sum(known.every_seconds for known in found.retention_rules) != keep_s:
                found.retention_rules = [rule]
                api.update_bucket(found)
        except self._errors as exc:
            raise self._refusal(exc) from exc

    def drop_bucket(self, bucket: str) -> None:
        """Remove a bucket of 2.x with all that is in it. Raises StoreError."""
        api = self._client.buckets_api()
        try:
            found = api.find_bucket_by_name(bucket)
            if found is not None:
                api.delete_bucket(found)
        except self._errors as exc:
            raise self._refusal(exc) from exc

    def _rewritten(
        self,
        path: str,
        method: str,
        path_params: Any = None,
        query_params: Any = None,
        *rest: Any,
        **options: Any,
    ) -> Any:
        """Send what an old server does not know to where it does; everything else as it is."""
        known = self._known
        if known is not None and not known.v2_write and path == "/api/v2/write":
            path, query_params = "/write", _old_words(query_params or [])
        return self._call(path, method, path_params, query_params, *rest, **options)

    def _sign_in_the_old_way(self) -> None:
        headers = self._client.api_client.default_headers
        headers.pop("Authorization", None)
        if ":" in self._token:
            headers["Authorization"] = "Basic " + base64.b64encode(self._token.encode()).decode()

    def _refusal(self, exc: Any) -> StoreError:
        said, status = _said(exc), getattr(exc, "status", None)
        if status == 400 and ("unable to parse" in said or "time outside range" in said):
            return UnstorableError(f"the store cannot hold a value: {said}")
        if status in (401, 403):
            return StoreError(f"influx.token: InfluxDB refuses it; check its rights: {said}")
        if status is not None:
            return StoreError(f"InfluxDB refuses ({status}): {said}")
        return StoreError(f"influx.url: {self.settings.url} does not answer: {said}")


def token_of(settings: InfluxSettings) -> str:
    """The token, from its file where one is named. Raises ConfigError."""
    if settings.token_file is None:
        return settings.token
    try:
        return settings.token_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        problem = f"{settings.token_file} cannot be read; write the token into it"
        raise ConfigError("config", "influx.token_file", problem) from exc


def _old_words(words: Any) -> list[tuple[str, str]]:
    given = dict(words)
    database, _, policy = str(given.get("bucket", "")).partition("/")
    old = [("db", database), ("precision", _PRECISION.get(str(given.get("precision")), "n"))]
    return [*old, ("rp", policy)] if policy else old


def _said(exc: Any) -> str:
    body = getattr(exc, "body", None)
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or exc)
    return (text.strip().splitlines() or [type(exc).__name__])[0][:300]


def _table(series: Mapping[str, Any]) -> Table:
    name, columns = series.get("name", ""), tuple(series["columns"])
    return Table(name, series.get("tags", {}), columns, series.get("values", []))


def _rfc3339(time_ns: int) -> str:
    seconds, rest = divmod(time_ns, 1_000_000_000)
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
