"""The data set as files, byte for byte the same for the same seed and sizes."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..errors import ConflictError
from ..pilots.document import as_table
from .plan import Sample
from .readings import summaries

MANIFEST = "manifest.json"


def write(sample: Sample, folder: Path) -> dict[str, Any]:
    """Pilots, people, devices and readings in a new folder; the manifest. Raises ConflictError."""
    if folder.exists() and any(folder.iterdir()):
        raise ConflictError("folder", f"{folder} is not empty; name a new one")
    folder.mkdir(parents=True, exist_ok=True)
    _lines(folder / "pilots.jsonl", (as_table(pilot) for pilot in sample.pilots))
    _lines(folder / "people.jsonl", map(asdict, sample.people))
    _lines(folder / "devices.jsonl", map(asdict, sample.devices))
    readings = _readings(sample, folder / "readings.csv")
    digests = {
        path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())
    }
    manifest = {
        "seed": sample.seed,
        "weeks": sample.weeks,
        "pilots": len(sample.pilots),
        "people": len(sample.people),
        "edges": sum(len(pilot.edges) for pilot in sample.pilots),
        "devices": len(sample.devices),
        "readings": readings,
        "sha256": digests,
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return manifest


def _lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _readings(sample: Sample, path: Path) -> int:
    number = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("device", "seq", "t_us", "metric", "value"))
        for device in sample.devices:
            for summary in summaries(sample, device):
                number += 1
                for metric, value in zip(device.metrics, summary.values, strict=True):
                    rows.writerow((device.device, summary.seq, summary.t_us, metric, value))
    return number
