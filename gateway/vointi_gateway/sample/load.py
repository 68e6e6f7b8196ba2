"""The data set into a gateway's data folder: the registry at once, readings in groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from sqlite3 import Connection
from typing import Literal

from vointi_contract.status import Birth, DeviceInfo, StreamInfo

from ..pilots.consent.state import Kind
from ..pilots.consent.texts import load_texts
from ..pilots.registry import Registry
from ..progress import Told, untold
from ..store.model import Commit, Counts, Outcome, Receipt, StoredReading
from ..store.port import Store
from .plan import Device, Person, Sample
from .readings import frame, summaries

ACTOR = "sample-data"
_GROUP = 2000


def load_registry(sample: Sample, registry: Registry) -> None:
    """Pilots, people, devices, loans and consents; what is there already stays."""
    for pilot in sample.pilots:
        registry.pilots.put(pilot, actor=ACTOR, origin=ACTOR)
    with registry.database.write() as con:
        _people(con, sample.people)
        _devices(con, sample)
        _consents(con, sample)
        con.execute("UPDATE revision SET n = n + 1")
    registry.audit.append(ACTOR, ACTOR, seed=sample.seed, people=len(sample.people))


def load_readings(sample: Sample, store: Store, told: Told = untold) -> int:
    """Every reading, with its receipt and counts; how many. Raises StoreError.

    `told` hears how many devices' readings are in.
    """
    born = {birth.edge: birth.to_json().decode() for birth in births(sample)}
    found = _stored(sample, told)
    number = 0
    while group := tuple(islice(found, _GROUP)):
        number += len(group)
        store.commit(_commit(group, born))
        born = {}
    return number


def births(sample: Sample, streams: int = 1) -> Iterator[Birth]:
    """What every edge says of its devices, each with so many streams."""
    by_edge: dict[str, list[Device]] = {}
    for device in sample.devices:
        by_edge.setdefault(device.edge, []).append(device)
    for edge, devices in by_edge.items():
        serves = any(device.kind == "service_point" for device in devices)
        infos = tuple(_info(device, streams) for device in devices)
        role: Literal["home", "service_point"] = "service_point" if serves else "home"
        yield Birth(edge, sample.seed + 1, "0.1.0", edge, role, infos)


def _info(device: Device, streams: int) -> DeviceInfo:
    names = ["summary", *(f"summary-{n}" for n in range(1, streams))]
    listed = tuple(StreamInfo(name, device.metrics, 0.0, "scalar") for name in names)
    name = device.device.partition(".")[2]
    return DeviceInfo(name, device.model, device.kind, device.person, listed)


def _stored(sample: Sample, told: Told) -> Iterator[StoredReading]:
    people = {(p.pilot, p.person): p for p in sample.people}
    for number, device in enumerate(sample.devices):
        told(number, len(sample.devices), device.pilot)
        purposes = None
        if device.person is not None:
            who = people[device.pilot, device.person]
            purposes = frozenset(who.purposes) - frozenset(who.withdrawn)
            if not purposes:
                continue
        for one in summaries(sample, device):
            made = frame(sample, device, one)
            yield StoredReading(
                *(device.pilot, device.edge, made, one.t_us, device.person, purposes)
            )


def _commit(group: Iterable[StoredReading], born: dict[str, str]) -> Commit:
    readings = tuple(group)
    tally: dict[str, Counts] = {}
    ranges: dict[tuple[str, str, int], list[int]] = {}
    for r in readings:
        tally[r.edge] = tally.get(r.edge, Counts()) + Counts(accepted=1, stored=1)
        ranges.setdefault((r.edge, r.frame.device, r.frame.boot), []).append(r.frame.seq)
    receipts = tuple(
        Receipt(*key, min(seqs), max(seqs), Outcome.STORED) for key, seqs in ranges.items()
    )
    return Commit(readings, (), receipts, tally, born)


def _people(con: Connection, people: Iterable[Person]) -> None:
    con.executemany(
        "INSERT OR IGNORE INTO participant VALUES (?, ?, ?, ?, ?)",
        [(p.pilot, p.person, p.language, p.joined_us, p.joined_us) for p in people],
    )


def _devices(con: Connection, sample: Sample) -> None:
    have = {row[0] for row in con.execute("SELECT id FROM device")}
    new = [d for d in sample.devices if d.device not in have]
    con.executemany(
        "INSERT INTO device VALUES (?, ?, ?, ?, ?)",
        [(d.device, d.edge, d.model, d.kind, sample.start_us) for d in new],
    )
    lent = [d for d in new if d.person is not None]
    con.executemany(
        "INSERT INTO loan (device, pilot, person, from_us, to_us) VALUES (?, ?, ?, ?, ?)",
        [(d.device, d.pilot, d.person, d.from_us, d.to_us) for d in lent],
    )
    events = [(d.device, "lent", d.from_us, ACTOR) for d in lent]
    events += [(d.device, "returned", d.to_us, ACTOR) for d in lent if d.to_us is not None]
    con.executemany(
        "INSERT INTO device_event (device, kind, at_us, actor) VALUES (?, ?, ?, ?)", events
    )


def _consents(con: Connection, sample: Sample) -> None:
    have = {tuple(r) for r in con.execute("SELECT DISTINCT pilot, person FROM consent_event")}
    texts = load_texts()
    rows = []
    for p in sample.people:
        if (p.pilot, p.person) in have:
            continue
        given = [(purpose, Kind.GIVEN, p.joined_us) for purpose in p.purposes]
        taken = [(purpose, Kind.WITHDRAWN, p.joined_us + 1) for purpose in p.withdrawn]
        for purpose, kind, at_us in given + taken:
            text = texts.newest(purpose, p.language)
            rows.append(
                (
                    *(p.pilot, p.person, purpose, kind.value, at_us, at_us, None),
                    *("simulated", ACTOR, p.language, text.version, text.sha256),
                )
            )
    con.executemany(
        "INSERT INTO consent_event (pilot, person, purpose, kind, at_us, effective_us, expires_us,"
        " method, actor, language, text_version, text_sha256)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
