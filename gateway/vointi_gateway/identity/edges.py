"""Edges: tickets, certificates, renewal, revocation. Every change is one transaction."""

from __future__ import annotations

import base64
import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from vointi_contract.errand import SKEW_S, Errand, statement

from . import profile
from .audit import Audit
from .database import Database
from .errors import ConflictError, IdentityError, RefusedError
from .issuer import GRACE_S, Issued, Issuer, Revoked
from .proofs import (
    TICKET_FIX,
    TOKEN_BYTES,
    check_edge,
    digest_of,
    issued_of,
    signed_by,
    token_of,
)

TICKET_LIFE_S = 86_400
#: An answer that was lost on the way is given again to the same key for so long.
RETRY_S = 600
#: What a renewal's signature covers before the request, so that it can mean nothing else.
RENEWAL = b"vointi renewal 1\n"


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an operator hands to a box: `text` is shown once and kept nowhere."""

    text: str
    edge: str
    expires_s: int


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A certificate and whose it is."""

    edge: str
    pilot: str
    site: str
    issued: Issued


@dataclass(frozen=True, slots=True)
class EdgeRecord:
    """One edge as the registry has it; `not_after_s` is its newest certificate's end."""

    edge: str
    pilot: str
    site: str
    state: str
    note: str
    not_after_s: int | None


class Edges:
    """The registry of edges.

    Args:
        database: opened.
        issuer: signs.
        audit: told of everything.
        now_s: UTC seconds.
        changed: called after each change that the broker must hear of.

    """

    def __init__(
        self,
        database: Database,
        issuer: Issuer,
        audit: Audit,
        now_s: Callable[[], float],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._db, self._issuer, self._audit = database, issuer, audit
        self._now_s, self._changed = now_s, changed

    def ticket(self, edge: str, pilot: str, site: str, by: str) -> Ticket:
        """A one-time ticket for a day; earlier ones of this edge end. Raises IdentityError."""
        check_edge(edge)
        token = secrets.token_bytes(TOKEN_BYTES)
        now = int(self._now_s())
        with self._db.write() as tx:
            tx.execute("DELETE FROM ticket WHERE edge = ? AND used_s IS NULL", (edge,))
            tx.execute(
                "INSERT INTO edge VALUES (?, ?, ?, 'expected', ?, '') ON CONFLICT (edge)"
                " DO UPDATE SET pilot = excluded.pilot, site = excluded.site",
                (edge, pilot, site, now),
            )
            tx.execute(
                "INSERT INTO ticket (digest, edge, expires_s) VALUES (?, ?, ?)",
                (digest_of(token), edge, now + TICKET_LIFE_S),
            )
        self._audit.record("edge.ticket", by, edge)
        text = f"{base64.b32encode(token).decode().lower()}.{self._issuer.fingerprint()}"
        return Ticket(text, edge, now + TICKET_LIFE_S)

    def enrol(self, ticket: str, csr: str, edge: str | None = None) -> Enrolled:
        """The first certificate of a box. Raises RefusedError, IdentityError."""
        key = profile.request_key(csr)
        digest = digest_of(token_of(ticket))
        try:
            with self._db.write() as tx:
                enrolled = self._use_ticket(tx, digest, key, edge)
        except IdentityError as exc:
            self._audit.record("edge.enrol", edge or "?", outcome=exc.field)
            raise
        self._audit.record("edge.enrol", enrolled.edge, enrolled.issued.serial)
        self._changed()
        return enrolled

    def renew(self, serial: str, csr: str, signature: bytes) -> Enrolled:
        """The next certificate, for a new key. Raises RefusedError, ConflictError.

        `signature`: ECDSA-SHA256 over `RENEWAL` + the request, by the key of `serial`.
        """
        key = profile.request_key(csr)
        with self._db.write() as tx:
            old = tx.execute("SELECT * FROM certificate WHERE serial = ?", (serial,)).fetchone()
            if old is None or not signed_by(old["chain"], RENEWAL + csr.encode(), signature):
                self._audit.record("edge.renew", "?", outcome="signature")
                raise RefusedError("signature", "is not of a certificate of ours; enrol again")
            edge = self._row(tx, old["edge"])
            self._check_renewable(old, edge)
            after = tx.execute("SELECT * FROM certificate WHERE follows = ?", (serial,)).fetchone()
            copied = after is not None and after["key_digest"] != profile.key_digest(key)
            if copied:
                self._set_state(tx, edge["edge"], "suspect", "renewed twice, by two keys")
                issued = issued_of(old)
            else:
                issued = issued_of(after) if after else self._issue(tx, edge["edge"], key, serial)
        if copied:
            self._tell_suspect(edge["edge"], "renewed twice, by two keys")
            raise ConflictError("serial", "was renewed by another box; ask the operator")
        self._audit.record("edge.renew", edge["edge"], issued.serial)
        return Enrolled(edge["edge"], edge["pilot"], edge["site"], issued)

    def visitor(self, errand: Errand, path: str) -> str:
        """The edge that asks for `path` by a certificate that is good now. Raises RefusedError."""
        if abs(self._now_s() - errand.at_s) > SKEW_S:
            raise RefusedError("time", "differs from ours by more than ten minutes; set the clock")
        found = self._db.row("SELECT * FROM certificate WHERE serial = ?", errand.serial)
        said = statement(path, errand.at_s)
        if found is None or not signed_by(found["chain"], said, errand.signature):
            raise RefusedError("signature", "is not of a certificate of ours; enrol again")
        ended = found["revoked_s"] is not None or self._now_s() > found["not_after_s"]
        if ended or found["edge"] not in self.active():
            raise RefusedError("serial", "is not good any more; ask the operator for a ticket")
        return str(found["edge"])

    def revoke(self, edge: str, reason: str, by: str) -> None:
        """End every certificate and ticket of an edge. Raises IdentityError."""
        now = int(self._now_s())
        with self._db.write() as tx:
            if tx.execute("SELECT 1 FROM edge WHERE edge = ?", (edge,)).fetchone() is None:
                raise IdentityError("edge", f"{edge} is not known; `edge list` shows all")
            self._set_state(tx, edge, "revoked", reason)
            tx.execute("DELETE FROM ticket WHERE edge = ? AND used_s IS NULL", (edge,))
            self._end_certificates(tx, edge, now)
        self._audit.record("edge.revoke", by, edge)
        self._changed()

    def suspect(self, edge: str, why: str) -> None:
        """Shut out an edge whose identity is used in two places, until it is enrolled anew."""
        with self._db.write() as tx:
            if self._row(tx, edge)["state"] != "active":
                return
            self._set_state(tx, edge, "suspect", why)
        self._tell_suspect(edge, why)

    def records(self) -> list[EdgeRecord]:
        """Every edge, by name."""
        rows = self._db.rows(
            "SELECT edge.*, max(certificate.not_after_s) AS ends FROM edge"
            " LEFT JOIN certificate USING (edge) GROUP BY edge.edge ORDER BY edge.edge"
        )
        return [
            EdgeRecord(r["edge"], r["pilot"], r["site"], r["state"], r["note"], r["ends"])
            for r in rows
        ]

    def shut_out(self) -> dict[str, str]:
        """Edges that nothing may be taken from, with the reason."""
        rows = self._db.rows("SELECT * FROM edge WHERE state IN ('revoked', 'suspect')")
        return {r["edge"]: f"is {r['state']} ({r['note']}); enrol it anew" for r in rows}

    def active(self) -> dict[str, int]:
        """Edges that the broker lets in, each with when it was enrolled (UTC seconds)."""
        sql = "SELECT edge, changed_s FROM edge WHERE state = 'active' ORDER BY edge"
        return {row["edge"]: row["changed_s"] for row in self._db.rows(sql)}

    def revoked(self) -> list[Revoked]:
        """Certificates for the list: those that would be good otherwise."""
        # A day more: the broker's clock may be behind ours.
        since = int(self._now_s()) - 86_400
        rows = self._db.rows(
            "SELECT serial, revoked_s FROM certificate"
            " WHERE revoked_s IS NOT NULL AND not_after_s > ? ORDER BY serial",
            since,
        )
        return [Revoked(row["serial"], row["revoked_s"]) for row in rows]

    # ---- inside a transaction

    def _use_ticket(
        self,
        tx: sqlite3.Connection,
        digest: bytes,
        key: ec.EllipticCurvePublicKey,
        edge: str | None,
    ) -> Enrolled:
        now, hashed = int(self._now_s()), profile.key_digest(key)
        ticket = tx.execute("SELECT * FROM ticket WHERE digest = ?", (digest,)).fetchone()
        if ticket is None or edge not in (None, ticket["edge"]):
            raise RefusedError("ticket", TICKET_FIX)
        row = self._row(tx, ticket["edge"])
        if ticket["used_s"] is not None:
            if ticket["key_digest"] != hashed or now > ticket["used_s"] + RETRY_S:
                raise RefusedError("ticket", TICKET_FIX)
            issued = self._of_key(tx, row["edge"], hashed)
        elif now >= ticket["expires_s"]:
            raise RefusedError("ticket", TICKET_FIX)
        else:
            # A new box in the old one's place: what the old one holds ends here.
            self._end_certificates(tx, row["edge"], now)
            tx.execute(
                "UPDATE ticket SET used_s = ?, key_digest = ? WHERE digest = ?",
                (now, hashed, digest),
            )
            issued = self._issue(tx, row["edge"], key, None)
            self._set_state(tx, row["edge"], "active", "")
        return Enrolled(row["edge"], row["pilot"], row["site"], issued)

    def _issue(
        self, tx: sqlite3.Connection, edge: str, key: ec.EllipticCurvePublicKey, follows: str | None
    ) -> Issued:
        now = self._now_s()
        issued = self._issuer.edge(edge, key, now)
        values = (
            *(issued.serial, edge, profile.key_digest(key), issued.chain),
            *(issued.not_after_s, int(now), follows, None),
        )
        tx.execute("INSERT INTO certificate VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        return issued

    def _check_renewable(self, old: sqlite3.Row, edge: sqlite3.Row) -> None:
        if edge["state"] != "active" or old["revoked_s"] is not None:
            self._audit.record("edge.renew", edge["edge"], outcome=edge["state"])
            raise RefusedError("serial", "is not good any more; ask the operator for a ticket")
        if self._now_s() > old["not_after_s"] + GRACE_S:
            self._audit.record("edge.renew", edge["edge"], outcome="too late")
            raise RefusedError("serial", "ended too long ago; ask the operator for a ticket")

    def _of_key(self, tx: sqlite3.Connection, edge: str, hashed: bytes) -> Issued:
        row = tx.execute(
            "SELECT * FROM certificate WHERE edge = ? AND key_digest = ? AND revoked_s IS NULL",
            (edge, hashed),
        ).fetchone()
        if row is None:
            raise RefusedError("ticket", TICKET_FIX)
        return issued_of(row)

    def _row(self, tx: sqlite3.Connection, edge: str) -> sqlite3.Row:
        row: sqlite3.Row | None = tx.execute(
            "SELECT * FROM edge WHERE edge = ?", (edge,)
        ).fetchone()
        if row is None:
            raise IdentityError("edge", f"{edge} is not known; `edge list` shows all")
        return row

    def _set_state(self, tx: sqlite3.Connection, edge: str, state: str, note: str) -> None:
        tx.execute(
            "UPDATE edge SET state = ?, note = ?, changed_s = ? WHERE edge = ?",
            (state, note, int(self._now_s()), edge),
        )

    @staticmethod
    def _end_certificates(tx: sqlite3.Connection, edge: str, now: int) -> None:
        tx.execute(
            "UPDATE certificate SET revoked_s = ? WHERE edge = ? AND revoked_s IS NULL", (now, edge)
        )

    def _tell_suspect(self, edge: str, why: str) -> None:
        self._audit.record("edge.clone", edge, outcome=why)
        self._changed()
