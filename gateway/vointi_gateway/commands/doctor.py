"""vointi-gateway doctor: look for what is wrong, and say what to do."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..pilots.doctor import Finding, examine
from ..pilots.scan import scan
from ..store.influx.doctor import examine as examine_influx
from .context import Common, Context, Sub, command


def add_commands(commands: Sub, common: Common) -> None:
    """Add the command."""
    command(commands, "doctor", "look for what is wrong, and say what to do", _doctor, common)


def _doctor(context: Context, _arguments: argparse.Namespace) -> int:
    """Exit code 1 when something is wrong."""
    findings = list(examine(context.registry))
    job = context.job("check", "looking into the store")
    findings += [Finding(**check) for check in job.result["checks"]]
    if context.settings.influx is not None:
        findings += [Finding(*said) for said in examine_influx(context.settings.influx)]
        findings += _influx_files(context)
    context.show([asdict(f) for f in findings], "findings")
    return 0 if all(f.ok for f in findings) else 1


def _influx_files(context: Context) -> list[Finding]:
    """Whether InfluxDB's files still hold what was erased; it drops it when it compacts them."""
    influx = context.settings.influx
    if influx is None or influx.server_dir is None:
        return []
    erased = [person.encode() for _pilot, person in context.registry.erased.all()]
    found = scan(influx.server_dir, erased, ()) if erased else []
    if not found:
        return [Finding("influxdb files", True, "hold nobody who was erased")]
    say = f"{len(found)} still hold erased people, as {found[0]}; see docs/operators/influxdb.md"
    return [Finding("influxdb files", False, say)]
