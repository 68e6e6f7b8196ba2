"""vointi-gateway audit list | head | verify."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from vointi_contract.signing import read_public_keys

from ..errors import RegistryError
from ..pilots.audit import verify
from ..pilots.consent.receipts import utc
from .context import Common, Context, Sub, command, group


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    sub = group(commands, "audit", "the audit log")
    listing = command(sub, "list", "the newest rows", _list, common)
    listing.add_argument("--last", type=int, default=50)
    command(sub, "head", "the signed head, to be kept elsewhere", _head, common)
    check = command(sub, "verify", "check every row, signature and link", _verify, common)
    check.add_argument("--head", type=Path, help="a head that was copied out before")


def _list(context: Context, arguments: argparse.Namespace) -> int:
    rows = list(context.registry.audit.rows())[-arguments.last :]
    shown = [
        {"n": r.n, "at": utc(r.at_us), "what": r.kind, "who": r.who, "facts": json.dumps(r.facts)}
        for r in rows
    ]
    context.show(shown, "audit rows")
    return 0


def _head(context: Context, _arguments: argparse.Namespace) -> int:
    print(json.dumps(context.registry.audit.head()))
    return 0


def _verify(context: Context, arguments: argparse.Namespace) -> int:
    head = None
    if arguments.head is not None:
        try:
            head = json.loads(arguments.head.read_text(encoding="utf-8"))
        except (OSError, ValueError) as exc:
            raise RegistryError("--head", f"{arguments.head} is no head ({exc})") from exc
    (key,) = read_public_keys(context.registry.key.public_text)
    rows = verify(context.registry.audit.path, key, head)
    context.say(f"{rows} rows, unbroken", rows=rows)
    return 0
