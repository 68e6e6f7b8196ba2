"""The audit log: one JSON object a line, each chained to the one before and signed.

A row holds pseudonyms and never a name, a contact or a measured value, so that erasing a person
does not break the chain. `audit.head` names the newest row, signed: a log that ends earlier has
been cut. Whoever keeps a copy of a head elsewhere can prove a cut of both.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..errors import AuditError, StoreError
from .keys import SigningKey

#: What the first row is chained to.
START = "0" * 64
#: A row is far shorter; the last line is found within this from the end.
_TAIL = 65_536


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One row: its number from 1, UTC µs, what happened, who did it, and the facts."""

    n: int
    at_us: int
    kind: str
    who: str
    facts: Mapping[str, Any]
    prev: str
    hash: str
    signature: str


class AuditLog:
    """The file `path`; several processes may append.

    Args:
        path: the log; its head lies beside it.
        key: signs rows and heads.
        wall_us: UTC now, µs.

    """

    def __init__(self, path: Path, key: SigningKey, wall_us: Callable[[], int]) -> None:
        self.path = path
        self._head = path.with_suffix(".head")
        self._key, self._wall_us = key, wall_us
        self._lock = threading.Lock()

    def append(self, kind: str, who: str, **facts: Any) -> AuditRow:
        """Add a row, durably; `kind` such as ``consent`` or ``export``.

        Raises StoreError, with nothing added, when the disk takes no more.
        """
        with self._lock, self.path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            last = self._last(file)
            number, prev = (int(last["n"]) + 1, str(last["hash"])) if last else (1, START)
            row = {"n": number, "at_us": self._wall_us(), "kind": kind, "who": who, "facts": facts}
            digest = _digest(prev, row)
            row |= {"prev": prev, "hash": digest, "signature": self._key.sign(digest.encode())}
            end = file.seek(0, os.SEEK_END)
            try:
                _write_all(file, _canonical(row) + b"\n")
                os.fsync(file.fileno())
                self._write_head(number, digest)
            except OSError as exc:
                file.truncate(end)  # half a row would look like one that was changed
                raise StoreError(f"data_dir: {self.path.name} cannot be written: {exc}") from exc
        return _row(row)

    def head(self) -> dict[str, Any]:
        """The signed head: number and hash of the newest row."""
        if not self._head.exists():
            return {"n": 0, "hash": START, "signature": ""}
        head: dict[str, Any] = json.loads(self._head.read_text(encoding="utf-8"))
        return head

    def rows(self) -> Iterator[AuditRow]:
        """Every row, unchecked."""
        if self.path.exists():
            with self.path.open("rb") as file:
                for line in file:
                    yield _row(json.loads(line))

    @staticmethod
    def _last(file: Any) -> dict[str, Any] | None:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(max(0, size - _TAIL))
        lines = file.read().splitlines()
        return json.loads(lines[-1]) if lines else None

    def _write_head(self, number: int, digest: str) -> None:
        head = {
            "n": number,
            "hash": digest,
            "signature": self._key.sign(_head_part(number, digest)),
        }
        draft = self._head.with_suffix(".draft")
        draft.write_bytes(_canonical(head))
        draft.replace(self._head)


def _write_all(file: FileIO, data: bytes) -> None:
    """A disk that runs full takes a part, and refuses the rest."""
    while data:
        data = data[file.write(data) or 0 :]


def verify(path: Path, key: Ed25519PublicKey, head: Mapping[str, Any] | None = None) -> int:
    """Check every row and the head; the number of rows.

    Args:
        path: the log.
        key: whose signatures count.
        head: a head that was copied out before; the log must still contain its row.

    Raises AuditError naming the first bad row.

    """
    prev, number = START, 0
    wanted = int(head["n"]) if head else 0
    lines = path.read_bytes().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        prev = _check(number, line, prev, key)
        if head and number == wanted and prev != head["hash"]:
            raise AuditError(number, "is not the row that the given head names; it was replaced")
    if wanted > number:
        raise AuditError(number + 1, f"is missing; the given head names row {wanted}")
    _check_head(path.with_suffix(".head"), number, prev, key)
    return number


def _check(number: int, line: bytes, prev: str, key: Ed25519PublicKey) -> str:
    try:
        row = json.loads(line)
        said = {name: row[name] for name in ("n", "at_us", "kind", "who", "facts")}
        signature = bytes.fromhex(row["signature"])
        chained, digest = str(row["prev"]), str(row["hash"])
    except (ValueError, KeyError, TypeError) as exc:
        raise AuditError(number, "is not readable; it was changed") from exc
    if said["n"] != number or chained != prev:
        raise AuditError(number, "does not follow the one before; a row was moved or removed")
    if _digest(prev, said) != digest:
        raise AuditError(number, "was changed after it was written")
    try:
        key.verify(signature, digest.encode())
    except InvalidSignature as exc:
        raise AuditError(number, "was signed by another key") from exc
    return digest


def _check_head(path: Path, number: int, digest: str, key: Ed25519PublicKey) -> None:
    if not path.exists():
        if number:
            raise AuditError(0, f"{path.name} is missing; restore it with the log")
        return
    try:
        head = json.loads(path.read_bytes())
        key.verify(bytes.fromhex(head["signature"]), _head_part(head["n"], head["hash"]))
    except (ValueError, KeyError, InvalidSignature) as exc:
        raise AuditError(0, f"{path.name} was changed") from exc
    if (head["n"], head["hash"]) != (number, digest):
        raise AuditError(number + 1, f"is missing; the head names row {head['n']}")


def _digest(prev: str, row: Mapping[str, Any]) -> str:
    return sha256(prev.encode() + b"\0" + _canonical(row)).hexdigest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def _head_part(number: int, digest: str) -> bytes:
    return f"vointi/1/audit\0{number}\0{digest}".encode()


def _row(row: Mapping[str, Any]) -> AuditRow:
    return AuditRow(**{name: row[name] for name in AuditRow.__slots__})
