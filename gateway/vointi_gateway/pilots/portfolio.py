"""Pilots in the registry: imported, exported, and the edges that belong to them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from sqlite3 import Connection

from vointi_contract.errors import TopicError
from vointi_contract.topics import check_id

from ..errors import ConflictError, RegistryError, UnknownRecordError
from ..settings import PilotSettings
from .audit import AuditLog
from .database import Database
from .document import PURPOSES, PilotDocument, Site, as_table, from_table
from .gate import Rules


class Pilots:
    """Every pilot of this gateway.

    Args:
        registry: the file.
        audit: told of every change.
        wall_us: UTC now, µs.

    """

    def __init__(self, registry: Database, audit: AuditLog, wall_us: Callable[[], int]) -> None:
        self._registry, self._audit, self._wall_us = registry, audit, wall_us

    def put(self, document: PilotDocument, *, actor: str, origin: str = "file") -> None:
        """Add a pilot or replace what is known of it. Raises ConflictError for a taken edge."""
        with self._registry.write() as con:
            before = con.execute("SELECT document FROM pilot WHERE id = ?", (document.id,))
            row = before.fetchone()
            if row is not None and from_table(json.loads(row["document"])) == document:
                return
            _check_edges(con, document)
            _write(con, document, origin, self._wall_us())
        self._audit.append("pilot", actor, pilot=document.id, origin=origin)

    def get(self, pilot: str) -> PilotDocument:
        """One pilot. Raises UnknownRecordError."""
        row = self._registry.row("SELECT document FROM pilot WHERE id = ?", pilot)
        if row is None:
            raise UnknownRecordError("pilot", f"{pilot} is not registered; import it first")
        return from_table(json.loads(row["document"]))

    def all(self) -> tuple[PilotDocument, ...]:
        """Every pilot, in the order in which they came."""
        rows = self._registry.rows("SELECT document FROM pilot ORDER BY rowid")
        return tuple(from_table(json.loads(row["document"])) for row in rows)

    def add_edge(self, pilot: str, edge: str, site: str, *, actor: str) -> None:
        """An edge at a site of a pilot; a new site is made."""
        for name, key in ((edge, "edge"), (site, "site")):
            try:
                check_id(name, key)
            except TopicError as exc:
                raise RegistryError(exc.field, exc.fix) from exc
        document = self.get(pilot)
        if edge in document.edges:
            return
        sites = {s.id: s for s in document.site}
        found = sites.get(site, Site(site, site))
        sites[site] = replace(found, edges=(*found.edges, edge))
        self.put(replace(document, site=tuple(sites.values())), actor=actor)

    def seed(self, settings: Iterable[PilotSettings]) -> None:
        """Pilots of the configuration file. One that was imported since keeps its document."""
        for pilot in settings:
            row = self._registry.row("SELECT origin FROM pilot WHERE id = ?", pilot.id)
            if row is None or row["origin"] == "config":
                self.put(_of_settings(pilot), actor="config", origin="config")
            else:
                for edge in pilot.edges:
                    self.add_edge(pilot.id, edge, edge, actor="config")

    def settings(self) -> tuple[PilotSettings, ...]:
        """Every pilot in the short form that the fleet and the pages use."""
        return tuple(
            PilotSettings(d.id, d.name, d.kind, d.city, d.edges, d.people) for d in self.all()
        )

    def rules(self) -> dict[str, Rules]:
        """What each pilot collects for which purpose."""
        return {document.id: rules_of(document) for document in self.all()}


def rules_of(document: PilotDocument) -> Rules:
    """A pilot that lists nothing collects, for care, what its devices have."""
    simulated = document.people == "simulated"
    if not document.collect:
        purposes = PURPOSES if simulated else PURPOSES[:1]
        return Rules(dict.fromkeys(purposes), simulated)
    listed = {
        purpose: frozenset(
            metric for c in document.collect if purpose in c.purposes for metric in c.metrics
        )
        for purpose in PURPOSES
    }
    return Rules({purpose: metrics for purpose, metrics in listed.items() if metrics}, simulated)


def _of_settings(pilot: PilotSettings) -> PilotDocument:
    sites = tuple(Site(edge, edge, (edge,)) for edge in pilot.edges)
    return PilotDocument(
        pilot.id, pilot.name, pilot.kind, pilot.city, people=pilot.people, site=sites
    )


def _check_edges(con: Connection, document: PilotDocument) -> None:
    for edge in document.edges:
        row = con.execute("SELECT pilot FROM edge WHERE id = ?", (edge,)).fetchone()
        if row is not None and row["pilot"] != document.id:
            fix = f"{edge} belongs to {row['pilot']} already; an edge has one pilot"
            raise ConflictError("pilot.site.edges", fix)


def _write(con: Connection, d: PilotDocument, origin: str, now_us: int) -> None:
    company = None
    if d.company is not None:
        company = d.company.id
        con.execute(
            "INSERT INTO company VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
            (d.company.id, d.company.name),
        )
    con.execute(
        "INSERT INTO pilot VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "name = excluded.name, kind = excluded.kind, city = excluded.city, "
        "company = excluded.company, people = excluded.people, origin = excluded.origin, "
        "document = excluded.document, changed_us = excluded.changed_us",
        (
            *(d.id, d.name, d.kind, d.city, company, d.people, origin),
            *(json.dumps(as_table(d), ensure_ascii=False), now_us),
        ),
    )
    con.execute("DELETE FROM edge WHERE pilot = ?", (d.id,))
    con.execute("DELETE FROM site WHERE pilot = ?", (d.id,))
    for site in d.site:
        con.execute("INSERT INTO site VALUES (?, ?, ?)", (d.id, site.id, site.name))
        rows = [(edge, d.id, site.id, now_us) for edge in site.edges]
        con.executemany("INSERT INTO edge VALUES (?, ?, ?, ?)", rows)
