"""Everything that is held about one person, for that person: records, measurements, who looked."""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..progress import Told, untold
from .consent.receipts import event_record, utc
from .gate import Loan
from .measurements import Measurements, write_measurements
from .registry import Registry


def export_person(
    registry: Registry,
    store: Measurements,
    pilot: str,
    person: str,
    *,
    actor: str,
    window_us: int | None = None,
    told: Told = untold,
) -> Path:
    """A zip file below exports/: person.json, and a CSV for each device, stream and metric.

    With `window_us`, summaries in place of samples. Raises UnknownRecordError. `told` hears
    of each file.
    """
    document = record_of(registry, pilot, person)
    folder = registry.folder / "exports" / pilot / person
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{pilot}-{person}-{registry.wall_us()}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        path.chmod(0o600)
        loans = registry.lending.loans(pilot, person)
        index = write_measurements(archive, store, loans, window_us, told)
        document["measurements"] = index
        archive.writestr("person.json", json.dumps(document, indent=2, ensure_ascii=False))
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
