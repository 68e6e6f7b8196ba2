"""vointi-gateway account add | role | list | password | disable: people of the staff."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Sequence

from .. import qr
from ..identity import totp
from ..identity.sessions import ROLES
from .context import Common, Context, Sub, command, group


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    staff = [role for role in ROLES if role != "resident"]
    sub = group(commands, "account", "people of the staff")
    about = "a person; the password is asked for, or read from a pipe"
    _rights(command(sub, "add", about, _add, common), staff)
    _rights(command(sub, "role", "other rights; its sessions end", _role, common), staff)
    command(sub, "list", "every account", _list, common)
    fresh = command(sub, "password", "a new password and second factor", _password, common)
    fresh.add_argument("name")
    command(sub, "disable", "let nobody in by it", _disable, common).add_argument("name")


def _rights(leaf: argparse.ArgumentParser, roles: Sequence[str]) -> None:
    leaf.add_argument("name")
    leaf.add_argument("--role", required=True, choices=roles)
    leaf.add_argument("--pilot", action="append", default=[], help="of company and care; repeat it")
    leaf.add_argument("--city", default="", help="of a city")


def _add(context: Context, arguments: argparse.Namespace) -> int:
    password = _asked()
    with context.identity() as identity:
        secret = identity.accounts.add(
            arguments.name,
            arguments.role,
            password,
            pilots=arguments.pilot,
            city=arguments.city,
        )
    return _say_factor(context, secret, arguments.name)


def _role(context: Context, arguments: argparse.Namespace) -> int:
    name, role = arguments.name, arguments.role
    with context.identity() as identity:
        identity.accounts.set_role(name, role, arguments.pilot, arguments.city)
    context.say(f"{name} has role {role}; its sessions have ended", name=name, role=role)
    return 0


def _list(context: Context, _arguments: argparse.Namespace) -> int:
    with context.identity() as identity:
        rows = [
            {
                **{"name": one.name, "role": one.role, "pilots": list(one.pilots)},
                **{"city": one.city, "enabled": one.enabled},
            }
            for one in identity.accounts.list()
        ]
    context.show(rows, "accounts")
    return 0


def _password(context: Context, arguments: argparse.Namespace) -> int:
    password = _asked()
    with context.identity() as identity:
        secret = identity.accounts.set_password(arguments.name, password)
    return _say_factor(context, secret, arguments.name)


def _disable(context: Context, arguments: argparse.Namespace) -> int:
    with context.identity() as identity:
        identity.accounts.disable(arguments.name)
    context.say(f"{arguments.name} is disabled; its sessions have ended", name=arguments.name)
    return 0


def _asked() -> str:
    if sys.stdin.isatty():
        return getpass.getpass("Password (12 characters at least): ")
    return sys.stdin.readline().rstrip("\n")


def _say_factor(context: Context, secret: str, name: str) -> int:
    uri = totp.uri(secret, name)
    context.draw(qr.for_terminal(uri))
    text = f"Second factor, shown once; for the person's authenticator:\n{uri}"
    context.say(text, name=name, second_factor=uri)
    return 0
