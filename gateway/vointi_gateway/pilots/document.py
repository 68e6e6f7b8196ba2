"""A pilot as one portable file: TOML or JSON, the same in every city.

`pilot.schema.json` publishes the form; it is made from the classes below by `schema()`.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from vointi_contract.errors import TopicError, UnknownMetricError
from vointi_contract.metrics import by_name
from vointi_contract.topics import check_id

from ..errors import ConfigError, RegistryError
from ..tables import read_table

#: What people are asked for; each has its text in `texts/`.
PURPOSES = ("care", "evaluation", "open_data")
FORMAT = 1
_MAX_DAYS = 3650


@dataclass(frozen=True, slots=True)
class Site:
    """One place and the edges that stand there."""

    id: str
    name: str
    edges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Indicator:
    """What the pilot is judged by: a name, its metric and unit (UCUM), and which way is better."""

    id: str
    name: str
    metric: str = ""
    unit: str = "1"
    better: Literal["higher", "lower", "within"] = "higher"


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `start` to `end`, both included, as YYYY-MM-DD."""

    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Collect:
    """Metrics that are collected, at most this often (0: as the device gives them), for what."""

    metrics: tuple[str, ...]
    purposes: tuple[str, ...]
    rate_hz: float = 0.0


@dataclass(frozen=True, slots=True)
class Retention:
    """Days that each class of data is kept."""

    waveform_days: int = 30
    scalar_days: int = 365
    event_days: int = 365
    summary_days: int = 1825


@dataclass(frozen=True, slots=True)
class Cost:
    """What the pilot costs in whole, in a currency by its ISO 4217 letters."""

    amount: float
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class Company:
    """Who brings the solution that is tried."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class PilotDocument:
    """Everything about a pilot that another city needs to run it, and no person."""

    id: str
    name: str
    kind: Literal["home", "service_point"]
    city: str = ""
    format: int = FORMAT
    company: Company | None = None
    purpose: str = ""
    hypothesis: str = ""
    dpia: str = ""
    controller: str = ""
    people: Literal["real", "simulated"] = "real"
    baseline: Period | None = None
    intervention: Period | None = None
    retention: Retention = field(default_factory=Retention)
    cost: Cost | None = None
    site: tuple[Site, ...] = ()
    indicator: tuple[Indicator, ...] = ()
    collect: tuple[Collect, ...] = ()

    @property
    def edges(self) -> tuple[str, ...]:
        """Every edge of every site."""
        return tuple(edge for site in self.site for edge in site.edges)


def read(text: str, where: str) -> PilotDocument:
    """A document from TOML or JSON text. Raises RegistryError naming the key and the fix."""
    try:
        table = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except (ValueError, RecursionError) as exc:
        raise RegistryError(where, f"is neither TOML nor JSON: {exc}") from exc
    return from_table(table)


def from_table(table: Mapping[str, Any]) -> PilotDocument:
    """A document from parsed data. Raises RegistryError naming the key and the fix."""
    plain = {key: value for key, value in table.items() if value is not None}
    try:
        document = read_table(PilotDocument, plain, "pilot")
    except ConfigError as exc:
        raise RegistryError(f"pilot.{exc.key}", exc.problem) from exc
    _check(document)
    return document


def as_table(document: PilotDocument) -> dict[str, Any]:
    """Parsed data; what is not set is left out."""
    table = dataclasses.asdict(document)
    return {key: value for key, value in table.items() if value not in (None, (), "")}


def as_json(document: PilotDocument) -> str:
    """The portable file."""
    return json.dumps(as_table(document), indent=2, ensure_ascii=False) + "\n"


def _check(document: PilotDocument) -> None:
    if document.format != FORMAT:
        fix = f"{document.format} is not known here; this version reads {FORMAT}"
        raise RegistryError("pilot.format", fix)
    _check_names(document)
    if not document.name:
        raise RegistryError("pilot.name", "is empty; give the pilot a name")
    for i, item in enumerate(document.collect):
        _check_collect(item, f"pilot.collect[{i}]")
    for name in ("baseline", "intervention"):
        period = getattr(document, name)
        if period is not None:
            _check_period(period, f"pilot.{name}")
    for name, days in dataclasses.asdict(document.retention).items():
        if not 1 <= days <= _MAX_DAYS:
            raise RegistryError(f"pilot.retention.{name}", f"{days}; use 1 to {_MAX_DAYS} days")
    if document.cost is not None and document.cost.amount < 0:
        raise RegistryError("pilot.cost.amount", "is negative; use 0 or more")


def _check_names(document: PilotDocument) -> None:
    names = [(document.id, "pilot.id")]
    if document.company is not None:
        names.append((document.company.id, "pilot.company.id"))
    names += [(s.id, f"pilot.site[{i}].id") for i, s in enumerate(document.site)]
    names += [(s.id, f"pilot.indicator[{i}].id") for i, s in enumerate(document.indicator)]
    names += [
        (edge, f"pilot.site[{i}].edges[{j}]")
        for i, site in enumerate(document.site)
        for j, edge in enumerate(site.edges)
    ]
    seen: set[tuple[str, str]] = set()
    for name, key in names:
        try:
            check_id(name, key)
        except TopicError as exc:
            raise RegistryError(exc.field, exc.fix) from exc
        group = key.rsplit("[", 1)[0].split("[", maxsplit=1)[0] + key.rsplit("]", 1)[-1]
        if (group, name) in seen:
            raise RegistryError(key, f"{name} stands twice; rename or remove one")
        seen.add((group, name))


def _check_collect(item: Collect, key: str) -> None:
    for j, name in enumerate(item.metrics):
        try:
            by_name(name)
        except UnknownMetricError as exc:
            raise RegistryError(f"{key}.metrics[{j}]", exc.fix) from exc
    for j, purpose in enumerate(item.purposes):
        if purpose not in PURPOSES:
            fix = f"{purpose!r} is not known; use {', '.join(PURPOSES)}"
            raise RegistryError(f"{key}.purposes[{j}]", fix)
    if not item.metrics or not item.purposes:
        empty = "metrics" if not item.metrics else "purposes"
        raise RegistryError(f"{key}.{empty}", "is empty; name at least one")
    if not 0 <= item.rate_hz <= 10_000:
        raise RegistryError(f"{key}.rate_hz", f"{item.rate_hz:g}; use 0 to 10000")


def _check_period(period: Period, key: str) -> None:
    days = []
    for name in ("start", "end"):
        try:
            days.append(date.fromisoformat(getattr(period, name)))
        except ValueError as exc:
            fix = f"{getattr(period, name)!r} is no day; write 2026-09-01"
            raise RegistryError(f"{key}.{name}", fix) from exc
    if days[1] < days[0]:
        raise RegistryError(f"{key}.end", "is before start; swap them")


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of the portable file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:vointi:pilot:1",
        "title": "Vointi pilot",
        **_object(PilotDocument),
    }


def _object(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    required = [
        f.name
        for f in dataclasses.fields(cls)
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    return {
        "type": "object",
        "description": " ".join((cls.__doc__ or "").split()),
        "properties": {name: _of(hint) for name, hint in hints.items()},
        "required": required,
        "additionalProperties": False,
    }


def _of(hint: Any) -> dict[str, Any]:
    if isinstance(hint, types.UnionType):
        hint = next(h for h in typing.get_args(hint) if h is not type(None))
    if dataclasses.is_dataclass(hint):
        return _object(hint)  # type: ignore[arg-type]
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": _of(typing.get_args(hint)[0])}
    if typing.get_origin(hint) is Literal:
        return {"enum": list(typing.get_args(hint))}
    return {"type": {str: "string", int: "integer", float: "number"}[hint]}
