"""vointi-gateway device list | add | lend | return | care | leases | void-lease."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..pilots.consent.receipts import utc
from ..pilots.consent.state import FOREVER
from ..pilots.leases import Lease
from .context import Common, Context, Sub, command, group


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    sub = group(commands, "device", "devices on loan")
    command(sub, "list", "every device: its state, and who has it", _list, common)
    add = command(sub, "add", "register a device before its edge names it", _add, common)
    add.add_argument("device", help="global id: edge.device")
    add.add_argument("--model", required=True)
    add.add_argument("--kind", choices=("wearable", "room", "service_point"), default="wearable")
    lend = command(sub, "lend", "give a device to a person, from now on", _lend, common)
    lend.add_argument("device")
    lend.add_argument("pilot")
    lend.add_argument("person")
    back = command(sub, "return", "a device came back", _return, common)
    back.add_argument("device")
    care = command(sub, "care", "a device was cleaned or charged, or is lost", _care, common)
    care.add_argument("device")
    care.add_argument("what", choices=("cleaned", "charged", "lost"))
    command(sub, "leases", "which edge read a device that several reach", _leases, common)
    about = "what a lease kept from other edges is theirs after all: replay it then"
    void = command(sub, "void-lease", about, _void, common)
    void.add_argument("lease", type=int, help="its number in `device leases`")


def _list(context: Context, _arguments: argparse.Namespace) -> int:
    context.show([asdict(d) for d in context.registry.lending.devices()], "devices")
    return 0


def _add(context: Context, arguments: argparse.Namespace) -> int:
    context.registry.lending.add(arguments.device, arguments.model, arguments.kind)
    context.say(f"{arguments.device}: registered", device=arguments.device)
    return 0


def _lend(context: Context, arguments: argparse.Namespace) -> int:
    device, person = arguments.device, arguments.person
    context.registry.lending.lend(device, arguments.pilot, person, actor=context.actor)
    context.say(f"{device}: with {person}", device=device, person=person)
    return 0


def _return(context: Context, arguments: argparse.Namespace) -> int:
    loan = context.registry.lending.give_back(arguments.device, actor=context.actor)
    text = f"{loan.device}: back from {loan.person}; clean and charge it before the next loan"
    context.say(text, device=loan.device, person=loan.person)
    return 0


def _leases(context: Context, _arguments: argparse.Namespace) -> int:
    context.show([_readable(lease) for lease in context.registry.leases.all()], "leases")
    return 0


def _readable(lease: Lease) -> dict[str, object]:
    to = None if lease.to_us == FOREVER else utc(lease.to_us)
    row = asdict(lease) | {"from": utc(lease.from_us), "to": to}
    return {name: row[name] for name in ("id", "pilot", "device", "from", "to", "ended")}


def _void(context: Context, arguments: argparse.Namespace) -> int:
    lease = context.registry.leases.void(arguments.lease, actor=context.actor)
    text = f"lease {lease.id} of {lease.device} is void; now `quarantine replay` what it kept away"
    context.say(text, lease=lease.id, device=lease.device)
    return 0


def _care(context: Context, arguments: argparse.Namespace) -> int:
    context.registry.lending.care(arguments.device, arguments.what, actor=context.actor)
    context.say(f"{arguments.device}: {arguments.what}", device=arguments.device)
    return 0
