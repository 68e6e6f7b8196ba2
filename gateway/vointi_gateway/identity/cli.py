"""vointi-gateway edge | account: who may come in, from the command line."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from .. import logs, qr
from ..config import PilotSettings, Settings
from ..pilots.registry import Registry
from . import totp
from .audit import ChainedAudit
from .errors import UnknownError
from .service import Identity
from .sessions import ROLES

Run = Callable[[Settings, argparse.Namespace], int]


def add_commands(commands: Any, common: Callable[[argparse.ArgumentParser], None]) -> Any:
    """Add the two groups to a parser's commands; `common` adds the options all share.

    Returns the group of `edge`. Each leaf sets `run_with`, called with (settings, arguments) and
    returning the exit code.
    """
    staff = [role for role in ROLES if role != "resident"]
    edge = _group(commands, "edge", "edges: certificates, versions, commands")
    leaf = _leaf(edge, "ticket", _ticket, "a one-time ticket for a box, good for a day", common)
    leaf.add_argument("edge")
    leaf.add_argument("--site", default="", help="where it will stand; default: its own name")
    leaf = _leaf(edge, "revoke", _revoke, "shut an edge out, at once", common)
    leaf.add_argument("edge")
    leaf.add_argument("--reason", required=True)
    account = _group(commands, "account", "people of the staff")
    leaf = _leaf(account, "add", _add, "the password is asked for, or read from a pipe", common)
    _rights(leaf, staff)
    leaf = _leaf(account, "role", _role, "other rights; its sessions end", common)
    _rights(leaf, staff)
    _leaf(account, "list", _accounts, "every account", common)
    leaf = _leaf(account, "password", _password, "a new password and second factor", common)
    leaf.add_argument("name")
    _leaf(account, "disable", _disable, "let nobody in by it", common).add_argument("name")
    return edge


def _group(commands: Any, name: str, about: str) -> Any:
    return commands.add_parser(name, help=about).add_subparsers(required=True, metavar="command")


def _leaf(
    group: Any,
    name: str,
    run: Run,
    about: str,
    common: Callable[[argparse.ArgumentParser], None],
) -> argparse.ArgumentParser:
    leaf: argparse.ArgumentParser = group.add_parser(name, help=about)
    common(leaf)
    leaf.set_defaults(run_with=run)
    return leaf


def _rights(leaf: argparse.ArgumentParser, roles: Sequence[str]) -> None:
    leaf.add_argument("name")
    leaf.add_argument("--role", required=True, choices=roles)
    leaf.add_argument("--pilot", action="append", default=[], help="of company and care; repeat it")
    leaf.add_argument("--city", default="", help="of a city")


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Identity, Sequence[PilotSettings]]]:
    """The identities, and the pilots that the registry has."""
    logs.configure("warning")
    registry = Registry(settings.data_dir)
    registry.open()
    identity = Identity(settings, ChainedAudit(registry.audit), time.time)
    try:
        registry.seed(settings.pilot)
        yield identity, registry.pilots.settings()
    finally:
        identity.close()
        registry.close()


def _who() -> str:
    try:
        return f"{getpass.getuser()} (command)"
    except (KeyError, OSError):  # an account without a name, as in a container
        return f"{os.getuid()} (command)"


def _ticket(settings: Settings, arguments: argparse.Namespace) -> int:
    with _opened(settings) as (identity, pilots):
        pilot = next((p.id for p in pilots if arguments.edge in p.edges), None)
        if pilot is None:
            fix = f"{arguments.edge} belongs to no pilot; add it to one first"
            raise UnknownError("edge", fix)
        site = arguments.site or arguments.edge
        ticket = identity.edges.ticket(arguments.edge, pilot, site, _who())
    print(f"Good once, until {_utc(ticket.expires_s)}, for {ticket.edge} alone. On the box:")
    print(f"vointi-edge enrol --config edge.toml --gateway URL --ticket {ticket.text}")
    return 0


def _revoke(settings: Settings, arguments: argparse.Namespace) -> int:
    with _opened(settings) as (identity, _):
        identity.edges.revoke(arguments.edge, arguments.reason, _who())
    print(f"{arguments.edge} is shut out")
    return 0


def _add(settings: Settings, arguments: argparse.Namespace) -> int:
    password = _asked()
    with _opened(settings) as (identity, _):
        secret = identity.accounts.add(
            arguments.name,
            arguments.role,
            password,
            pilots=arguments.pilot,
            city=arguments.city,
        )
    _show_factor(secret, arguments.name)
    return 0


def _role(settings: Settings, arguments: argparse.Namespace) -> int:
    with _opened(settings) as (identity, _):
        rights = (arguments.role, arguments.pilot, arguments.city)
        identity.accounts.set_role(arguments.name, *rights)
    print(f"{arguments.name} has role {arguments.role}; its sessions have ended")
    return 0


def _accounts(settings: Settings, arguments: argparse.Namespace) -> int:
    with _opened(settings) as (identity, _):
        for one in identity.accounts.list():
            scope = one.city or ", ".join(one.pilots) or "everything"
            print(f"{one.name:24} {one.role:9} {scope}{'' if one.enabled else ' (disabled)'}")
    return 0


def _password(settings: Settings, arguments: argparse.Namespace) -> int:
    password = _asked()
    with _opened(settings) as (identity, _):
        secret = identity.accounts.set_password(arguments.name, password)
    _show_factor(secret, arguments.name)
    return 0


def _disable(settings: Settings, arguments: argparse.Namespace) -> int:
    with _opened(settings) as (identity, _):
        identity.accounts.disable(arguments.name)
    print(f"{arguments.name} is disabled; its sessions have ended")
    return 0


def _asked() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password (12 characters at least): ")
    return sys.stdin.readline().rstrip("\n")


def _show_factor(secret: str, name: str) -> None:
    print("Second factor, shown once; enter it in the person's authenticator:")
    if sys.stdout.isatty():
        print(qr.for_terminal(totp.uri(secret, name)))
    print(totp.uri(secret, name))


def _utc(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%MZ")
