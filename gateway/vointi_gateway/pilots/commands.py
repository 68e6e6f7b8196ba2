"""Orders to edges: asked for by people, sent one after another, each with what became of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vointi_contract.command import CommandKind, CommandResult

from ..errors import ConflictError, UnknownRecordError
from .audit import AuditLog
from .database import Database, Row

#: A slow line takes ten minutes for a release, a slow card fifteen to install it, a trial five; and
#: an edge goes on after a line that was away for some minutes.
UPDATE_S: Final = 7200
#: A configuration is on trial for two minutes.
ANSWER_S: Final = 300
#: What was asked of an edge that is away is no longer meant after a day; a release is.
AWAY_S: Final = 86_400
_OPEN: Final = ("asked", "sent", "fetched")
_BAD: Final = ("failed", "refused", "rolled back", "unanswered")
_SILENT: Final = "no answer; see its log, and whether its edge.toml has [policy] keys_file"


@dataclass(frozen=True, slots=True)
class Order:
    """One command; `number` is None until it is sent, times are UTC µs."""

    id: int
    edge: str
    number: int | None
    kind: CommandKind
    what: str
    arguments: dict[str, Any]
    rollout: int | None
    state: str
    asked_us: int
    changed_us: int
    reason: str
    details: dict[str, Any]

    @property
    def is_open(self) -> bool:
        """Whether something can still become of it."""
        return self.state in _OPEN


class Commands:
    """Commands in the registry.

    Args:
        registry: the file.
        audit: told of every order and its end.
        wall_us: UTC now, µs.

    """

    def __init__(self, registry: Database, audit: AuditLog, wall_us: Callable[[], int]) -> None:
        self._registry, self._audit, self._wall_us = registry, audit, wall_us

    def ask(
        self, edge: str, kind: CommandKind, arguments: Mapping[str, Any], *, actor: str
    ) -> Order:
        """Order something of one edge, as soon as it is online."""
        with self._registry.write() as con:
            made = self._insert(con, edge, kind, arguments)
        self._audit.append("edge.command", actor, edge=edge, command=kind)
        return self.get(made)

    def roll_out(
        self, edges: Sequence[str], what: str, arguments: Mapping[str, Any], *,
        at_a_time: int, actor: str,
    ) -> list[Order]:  # fmt: skip
        """Order a release, a few edges at a time; the rest stop when one fails.

        Raises ConflictError while one of them has another update before it.
        """
        with self._registry.write() as con:
            for edge in edges:
                if _open_update(con, edge):
                    fix = f"{edge} has an update before it; wait, or stop it: edge update --stop"
                    raise ConflictError("edge", fix)
            rollout = con.execute("INSERT INTO rollout (at_a_time) VALUES (?)", (at_a_time,))
            ids = [
                self._insert(con, edge, "update", arguments, what=what, rollout=rollout.lastrowid)
                for edge in edges
            ]
        for edge in edges:
            self._audit.append("edge.command", actor, edge=edge, command="update", what=what)
        return [self.get(one) for one in ids]

    def stop(self, edges: Sequence[str], *, actor: str) -> int:
        """Take back updates that were not sent yet; how many."""
        stopped = 0
        for edge in edges:
            with self._registry.write() as con:
                done = con.execute(
                    "UPDATE command SET state = 'stopped', reason = 'taken back', arguments = '{}',"
                    " changed_us = ? WHERE edge = ? AND kind = 'update' AND state = 'asked'",
                    (self._wall_us(), edge),
                ).rowcount
            if done:
                self._audit.append("edge.stop", actor, edge=edge)
            stopped += done
        return stopped

    def get(self, order: int) -> Order:
        """One of them. Raises UnknownRecordError."""
        row = self._registry.row("SELECT * FROM command WHERE id = ?", order)
        if row is None:
            raise UnknownRecordError("command", f"{order} is not known")
        return _order(row)

    def newest(self) -> dict[str, Order]:
        """The last order of every edge."""
        rows = self._registry.rows(
            "SELECT * FROM command WHERE id IN (SELECT max(id) FROM command GROUP BY edge)"
        )
        return {row["edge"]: _order(row) for row in rows}

    def wanted(self, digest: str) -> list[str]:
        """Edges that were ordered a release and have not said how it ended."""
        rows = self._registry.rows(
            "SELECT * FROM command WHERE state IN ('asked', 'sent', 'fetched')"
            " AND kind = 'update' ORDER BY id"
        )
        return [row["edge"] for row in rows if json.loads(row["arguments"])["sha256"] == digest]

    # ---- on the way

    def due(self) -> list[Order]:
        """What waits to be sent, in its order."""
        sql = "SELECT * FROM command WHERE state = 'asked' ORDER BY id"
        return [_order(row) for row in self._registry.rows(sql)]

    def take(self, order: Order) -> int | None:
        """Its number if it may be sent now, which it is then; one process alone gets it."""
        with self._registry.write() as con:
            row = con.execute("SELECT state FROM command WHERE id = ?", (order.id,)).fetchone()
            if row is None or row["state"] != "asked" or not _has_turn(con, order.rollout):
                return None
            number = self._next_number(con, order.edge)
            con.execute(
                "UPDATE command SET state = 'sent', number = ?, changed_us = ?,"
                " arguments = CASE kind WHEN 'update' THEN arguments ELSE '{}' END WHERE id = ?",
                (number, self._wall_us(), order.id),
            )
        return number

    def give_back(self, order: Order) -> None:
        """It could not be sent after all."""
        with self._registry.write() as con:
            con.execute(
                "UPDATE command SET state = 'asked', arguments = ? WHERE id = ?",
                (json.dumps(order.arguments), order.id),
            )

    def fetched(self, edge: str, digest: str) -> None:
        """An edge has all of a release's file."""
        with self._registry.write() as con:
            row = _open_update(con, edge)
            if row and row["state"] == "sent" and json.loads(row["arguments"])["sha256"] == digest:
                con.execute(
                    "UPDATE command SET state = 'fetched', changed_us = ? WHERE id = ?",
                    (self._wall_us(), row["id"]),
                )

    def answered(self, result: CommandResult) -> None:
        """An edge said what became of a command."""
        with self._registry.write() as con:
            row = con.execute(
                "SELECT * FROM command WHERE edge = ? AND number = ? AND kind = ?"
                " AND state IN ('sent', 'fetched', 'unanswered')",
                (result.edge, result.number, result.kind),
            ).fetchone()
            if row is None:
                return
            state = "rolled back" if result.details.get("rolled_back") is True else result.outcome
            self._end(con, row, state, result.reason, result.details)
        self._audit.append(
            "edge.answer", result.edge, command=result.kind, number=result.number, outcome=state
        )

    def give_up(self) -> None:
        """End what was sent and never answered, and what was asked of an edge that is away."""
        now_us = self._wall_us()
        sql = "SELECT * FROM command WHERE state IN ('asked', 'sent', 'fetched')"
        late = [row for row in self._registry.rows(sql) if now_us > _until_us(row)]
        for row in late:
            with self._registry.write() as con:
                reason = "was not online" if row["state"] == "asked" else _SILENT
                self._end(con, row, "unanswered", reason, {})

    def forget(self, person: str) -> None:
        """End what was not sent yet and names a pseudonym: a configuration does."""
        with self._registry.write() as con:
            con.execute(
                "UPDATE command SET state = 'stopped', reason = 'names somebody who was erased',"
                " arguments = '{}', changed_us = ? WHERE instr(arguments, ?) > 0",
                (self._wall_us(), person),
            )

    # ---- what edges run

    def runs(self, edge: str, version: str) -> None:
        """An edge said its version."""
        known = self._registry.row("SELECT version FROM edge_version WHERE edge = ?", edge)
        if known is not None and known["version"] == version:
            return
        with self._registry.write() as con:
            values = (edge, version, self._wall_us())
            con.execute("INSERT OR REPLACE INTO edge_version VALUES (?, ?, ?)", values)

    def versions(self) -> dict[str, str]:
        """The version of every edge that was heard."""
        return dict(map(tuple, self._registry.rows("SELECT edge, version FROM edge_version")))

    # ---- inside a transaction

    def _insert(
        self, con: sqlite3.Connection, edge: str, kind: str, arguments: Mapping[str, Any],
        *, what: str = "", rollout: int | None = None,
    ) -> int:  # fmt: skip
        now_us = self._wall_us()
        values = (edge, kind, what, json.dumps(dict(arguments)), rollout, now_us, now_us)
        made = con.execute(
            "INSERT INTO command (edge, kind, what, arguments, rollout, asked_us, changed_us,"
            " state, reason, details) VALUES (?, ?, ?, ?, ?, ?, ?, 'asked', '', '{}')",
            values,
        )
        return int(made.lastrowid or 0)

    def _next_number(self, con: sqlite3.Connection, edge: str) -> int:
        """Above every earlier one, also those of a registry that was restored: no less than now."""
        row = con.execute("SELECT max(number) AS n FROM command WHERE edge = ?", (edge,)).fetchone()
        return max(int(row["n"] or 0) + 1, self._wall_us() // 1_000_000)

    def _end(
        self, con: sqlite3.Connection, row: Row, state: str, reason: str, details: Mapping[str, Any]
    ) -> None:
        now_us = self._wall_us()
        con.execute(
            "UPDATE command SET state = ?, reason = ?, details = ?, arguments = '{}',"
            " changed_us = ? WHERE id = ?",
            (state, reason, json.dumps(dict(details)), now_us, row["id"]),
        )
        if state in _BAD and row["rollout"] is not None:
            con.execute(
                "UPDATE command SET state = 'stopped', reason = ?, arguments = '{}', changed_us = ?"
                " WHERE rollout = ? AND state = 'asked'",
                (f"{row['edge']}: {state}", now_us, row["rollout"]),
            )


def _open_update(con: sqlite3.Connection, edge: str) -> Row | None:
    row: Row | None = con.execute(
        "SELECT * FROM command WHERE edge = ? AND kind = 'update'"
        " AND state IN ('asked', 'sent', 'fetched')",
        (edge,),
    ).fetchone()
    return row


def _has_turn(con: sqlite3.Connection, rollout: int | None) -> bool:
    if rollout is None:
        return True
    row = con.execute(
        "SELECT at_a_time > (SELECT count(*) FROM command WHERE rollout = rollout.id"
        " AND state IN ('sent', 'fetched')) AS turn FROM rollout WHERE id = ?",
        (rollout,),
    ).fetchone()
    return bool(row["turn"])


def _until_us(row: Row) -> float:
    if row["state"] == "asked":
        limit_s = float("inf") if row["kind"] == "update" else AWAY_S
    else:
        limit_s = UPDATE_S if row["kind"] == "update" else ANSWER_S
    return float(row["changed_us"]) + limit_s * 1e6


def _order(row: Row) -> Order:
    values = {name: row[name] for name in Order.__slots__}
    values |= {name: json.loads(row[name]) for name in ("arguments", "details")}
    return Order(**values)
