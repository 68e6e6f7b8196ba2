"""Everything that is held about one person, for that person: records, measurements, who looked."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from vointi_contract.metrics import by_name

from ..store.model import Samples, SeriesQuery
from .consent.receipts import event_record, utc
from .gate import Loan
from .registry import Registry

#: Samples read at a time: a day of ECG is 11 million.
_SPAN_US = 3_600_000_000


class Measurements(Protocol):
    """What is asked of the store."""

    def series(self, device: str) -> tuple[tuple[str, str, int, int], ...]:
        """(stream, metric, first UTC µs, last UTC µs) of everything of a device."""

    def samples(self, query: SeriesQuery) -> Samples:
        """Samples in a span."""


def export_person(
    registry: Registry,
    store: Measurements,
    pilot: str,
    person: str,
    *,
    actor: str,
    progress: Callable[[str], None] = lambda _: None,
) -> Path:
    """A zip file below exports/: person.json, and a CSV for each device, stream and metric.

    Raises UnknownRecordError. `progress` is told each file's name.
    """
    document = record_of(registry, pilot, person)
    folder = registry.folder / "exports" / pilot / person
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{pilot}-{person}-{registry.wall_us()}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        path.chmod(0o600)
        archive.writestr("person.json", json.dumps(document, indent=2, ensure_ascii=False))
        for loan in registry.lending.loans(pilot, person):
            for stream, metric, first_us, last_us in store.series(loan.device):
                span = (max(first_us, loan.from_us), min(last_us + 1, loan.to_us))
                if span[0] < span[1]:
                    name = f"data/{loan.device}/{stream}-{metric}-{span[0]}.csv"
                    progress(name)
                    _write(archive, name, store, loan, stream, metric, span)
    registry.audit.append("export", actor, pilot=pilot, person=person, file=path.name)
    return path


def record_of(registry: Registry, pilot: str, person: str) -> dict[str, Any]:
    """All that the registry, the vault, the audit log and the views say of a person."""
    participant = registry.people.get(pilot, person)
    resident = registry.people.resident(pilot, person)
    events = registry.consents.events(pilot, person)
    return {
        "participant": asdict(participant),
        "contact": asdict(resident) if resident else None,
        "devices": [
            {"device": x.device, "from": utc(x.from_us), "to": _end(x)}
            for x in registry.lending.loans(pilot, person)
        ],
        "consent": [event_record(event) for event in events],
        "receipts": [
            registry.consents.receipt(pilot, person, purpose)
            for purpose in sorted({event.purpose for event in events})
        ],
        "who_looked": [
            {"who": v.who, "purpose": v.purpose, "hour": utc(v.hour_us), "times": v.n}
            for v in registry.views.of(pilot, person)
        ],
        "what_was_done": [
            {"at": utc(row.at_us), "what": row.kind, "who": row.who, **row.facts}
            for row in registry.audit.rows()
            if (row.facts.get("pilot"), row.facts.get("person")) == (pilot, person)
        ],
    }


def _end(loan: Loan) -> str | None:
    return utc(loan.to_us) if loan.to_us < 2**62 else None


def _write(  # noqa: PLR0917 - one call, a row of facts
    archive: zipfile.ZipFile,
    name: str,
    store: Measurements,
    loan: Loan,
    stream: str,
    metric: str,
    span: tuple[int, int],
) -> None:
    with archive.open(name, "w", force_zip64=True) as file:
        file.write(f"t_us,value [{by_name(metric).unit}],quality,seq\r\n".encode())
        for samples in _pieces(store, loan.device, stream, metric, span):
            file.write(_rows(samples))


def _pieces(
    store: Measurements, device: str, stream: str, metric: str, span: tuple[int, int]
) -> Iterator[Samples]:
    for start in range(span[0], span[1], _SPAN_US):
        end = min(start + _SPAN_US, span[1])
        yield store.samples(SeriesQuery(device, metric, start, end, stream))


def _rows(samples: Samples) -> bytes:
    lines = zip(
        *(getattr(samples, name).tolist() for name in ("t_us", "value", "quality", "seq")),
        strict=True,
    )
    out = _Lines()
    csv.writer(out, lineterminator="\r\n").writerows(lines)
    return "".join(out.parts).encode()


class _Lines:
    def __init__(self) -> None:
        self.parts: list[str] = []

    def write(self, text: str) -> int:
        self.parts.append(text)
        return len(text)
