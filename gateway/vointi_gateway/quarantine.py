"""The quarantine as who runs pilots sees it: look, try again, throw away; every step is audited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .errors import UnknownRecordError
from .ingest.replay import Replay, Replayed
from .pilots.audit import AuditLog
from .pilots.consent.receipts import utc
from .store.model import Commit, Quarantined
from .store.port import Alone, Store

#: Rows in one answer; what is behind them shows when these are dealt with.
MAX_ROWS = 1000


class QuarantineRoom:
    """Deliveries by id, the hexadecimal digest.

    Args:
        store: opened; read from here.
        alone: does something with it when nobody else writes.
        replay: treats rows as if they arrived now.
        audit: told who did what.

    """

    def __init__(self, store: Store, alone: Alone, replay: Replay, audit: AuditLog) -> None:
        self._store, self._alone, self._replay, self._audit = store, alone, replay, audit

    def rows(self) -> list[dict[str, Any]]:
        """The newest thousand, without their bytes."""
        found = sorted(self._store.quarantined(), key=lambda row: row.received_us, reverse=True)
        return [_shown(row) for row in found[:MAX_ROWS]]

    def row(self, id_: str) -> dict[str, Any]:
        """One, with its bytes in hexadecimal. Raises UnknownRecordError."""
        (row, *_) = self._chosen([id_])
        return _shown(row) | {"payload": row.payload.hex()}

    def replay(self, ids: Sequence[str], *, actor: str) -> dict[str, Any]:
        """Try these again, all of them when none is named. Raises UnknownRecordError."""
        rows = self._chosen(ids)

        def work(store: Store) -> Replayed:
            return self._replay(store, rows)

        result = asdict(self._alone(work))
        self._say("quarantine-replayed", actor, rows, **result)
        return result

    def drop(self, ids: Sequence[str], *, actor: str) -> dict[str, Any]:
        """Throw these away; they stay counted as quarantined. Raises UnknownRecordError."""
        rows = self._chosen(ids)
        digests = tuple({row.digest for row in rows})
        self._alone(lambda store: store.commit(Commit(released=digests)))
        self._say("quarantine-dropped", actor, rows)
        return {"dropped": len(digests)}

    def _chosen(self, ids: Sequence[str]) -> list[Quarantined]:
        held = self._store.quarantined()
        known = {row.digest.hex() for row in held}
        for id_ in ids:
            if id_ not in known:
                raise UnknownRecordError("id", f"{id_[:40]} is not in quarantine; list it first")
        return [row for row in held if not ids or row.digest.hex() in ids]

    def _say(self, kind: str, actor: str, rows: Sequence[Quarantined], **facts: Any) -> None:
        fields = dict(Counter(row.field for row in rows))
        edges = sorted({row.edge for row in rows})
        self._audit.append(kind, actor, edges=edges, fields=fields, deliveries=len(rows), **facts)


def _shown(row: Quarantined) -> dict[str, Any]:
    return {
        "id": row.digest.hex(),
        "received": utc(row.received_us),
        "edge": row.edge,
        "topic": row.topic,
        "field": row.field,
        "fix": row.fix,
        "bytes": len(row.payload),
    }
