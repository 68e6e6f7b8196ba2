"""Commands down to an edge, and what became of them.

A command is signed (signing.py, purpose "command") and numbered: an edge refuses a number that is
not above the last one that it took, across restarts, so that a recording of a command is worth
nothing. Each command is answered on `res`, a refused one too.

Kinds and their arguments:

    rate_cap     {"bytes_per_s": n}         cap of the backlog lane; 0 takes the cap away
    resend       {}                         offer everything that is kept again, now
    config       {"text": "…"}              replace edge.toml; rolled back when it does not serve
    diagnostics  {}                         the edge's redacted state, in the answer
    update       {"url": "…", "sha256": "…"}  install a signed release; rolled back when it does not
                                            serve. A path is one of the gateway's, asked for in
                                            the edge's own name (errand.py)

The answer to an update that was tried has {"version": "…", "rolled_back": false} in `details`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, cast, get_args

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from vointi_contract.jsonform import Fields, dump, parse_object
from vointi_contract.signing import sign, verify

PURPOSE: Final = "command"
CommandKind: TypeAlias = Literal["rate_cap", "resend", "config", "diagnostics", "update"]
# "policy": the answer to a policy, whose number is its version.
ResultKind: TypeAlias = Literal["rate_cap", "resend", "config", "diagnostics", "update", "policy"]
Outcome: TypeAlias = Literal["done", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class Command:
    """One order to one edge; `number` grows from 1, `issued_us` is UTC µs."""

    edge: str
    number: int
    issued_us: int
    kind: CommandKind
    arguments: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The document."""
        return dump(
            {
                "edge": self.edge,
                "number": self.number,
                "issued_us": self.issued_us,
                "kind": self.kind,
                "arguments": dict(self.arguments),
            }
        )

    @classmethod
    def from_json(cls, payload: bytes | str) -> Command:
        """From a document; raises PayloadError."""
        fields = parse_object(payload)
        return cls(
            edge=fields.identifier("edge"),
            number=fields.integer("number", 1),
            issued_us=fields.integer("issued_us"),
            kind=cast(CommandKind, fields.choice("kind", get_args(CommandKind))),
            arguments=fields.nested("arguments", _values),
        )

    @property
    def fields(self) -> Fields:
        """The arguments, for reading with checks."""
        return Fields(dict(self.arguments), "arguments")


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command (or, with kind "policy", of a policy by its version).

    `reason` is one line for people, empty when done; `details` depends on the kind.
    """

    edge: str
    number: int
    kind: ResultKind
    outcome: Outcome
    reason: str = ""
    details: Mapping[str, object] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """The payload."""
        return dump(
            {
                "edge": self.edge,
                "number": self.number,
                "kind": self.kind,
                "outcome": self.outcome,
                "reason": self.reason,
                "details": dict(self.details),
            }
        )

    @classmethod
    def from_json(cls, payload: bytes | str) -> CommandResult:
        """From a payload; raises PayloadError."""
        fields = parse_object(payload)
        return cls(
            edge=fields.identifier("edge"),
            number=fields.integer("number", 1),
            kind=cast(ResultKind, fields.choice("kind", get_args(ResultKind))),
            outcome=cast(Outcome, fields.choice("outcome", get_args(Outcome))),
            reason=fields.text("reason"),
            details=fields.nested("details", _values),
        )


def sign_command(command: Command, key: Ed25519PrivateKey) -> bytes:
    """The payload for `c/cmd`."""
    return sign(command.to_json(), PURPOSE, key)


def verify_command(payload: bytes, keys: Iterable[Ed25519PublicKey]) -> Command:
    """The command of a payload; raises SignatureError, PayloadError."""
    return Command.from_json(verify(payload, PURPOSE, keys))


def _values(fields: Fields) -> dict[str, object]:
    return fields.values
