"""`vointi-edge doctor`: what is well on this edge, and the next step for what is not."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from vointi_edge.care import checks
from vointi_edge.care.finding import Finding, Level, bad, fine, note
from vointi_edge.clock import Clock
from vointi_edge.clockfloor import FLOOR_FILE, ClockFloor
from vointi_edge.config import EdgeConfig
from vointi_edge.errors import OutboxError
from vointi_edge.outbox.database import connect_readonly
from vointi_edge.outbox.store import read_counts
from vointi_edge.vitals import VITALS_FILE

# It is written every 15 s.
_FRESH_S: Final = 60.0
# Longer than a router's restart.
_QUEUE_OLD_S: Final = 600.0
_BATTERY_LOW: Final = 15
_RSSI_WEAK: Final = -88


def examine(config: EdgeConfig, run_dir: Path, clock: Clock) -> list[Finding]:
    """Everything that can be said of this edge now, from the box and from the running service."""
    floor_us = ClockFloor(config.data_dir / FLOOR_FILE).read()
    needs_radio = any(device.address for device in config.devices)
    vitals = read_vitals(run_dir)
    return [
        check_service(vitals),
        checks.check_radio(config.ble.backend, needs_radio),
        *checks.check_paths(config),
        *check_devices(vitals),
        check_policy(vitals),
        checks.check_clock(clock, floor_us, config.clock_trust),
        checks.check_disk(config.data_dir, config.max_bytes),
        check_outbox(config.data_dir, vitals),
        *checks.check_certificates(config, datetime.now(UTC)),
        checks.check_broker(config.mqtt.host, config.mqtt.port),
        checks.check_box(),
    ]


def read_vitals(run_dir: Path) -> dict[str, Any] | None:
    """What the running service wrote last, or None when there is no fresh word of it."""
    path = run_dir / VITALS_FILE
    try:
        if time.time() - path.stat().st_mtime > _FRESH_S:
            return None
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def check_service(vitals: dict[str, Any] | None) -> Finding:
    """Whether the edge runs and has its broker."""
    if vitals is None:
        fix = "start it: systemctl start vointi-edge; then journalctl -u vointi-edge"
        return bad("service", "does not run", fix)
    if not vitals["connected"]:
        return bad("service", "runs, without its broker", "see broker and certificates below")
    return fine("service", f"runs version {vitals['version']}, connected")


def check_policy(vitals: dict[str, Any] | None) -> Finding:
    """Whether there is a policy, where one is needed."""
    if vitals is None or not vitals["policy_required"]:
        return fine("policy", "not required by edge.toml" if vitals else "not known")
    if vitals["policy_version"] is None:
        fix = "give consent for this edge at the gateway; it sends the policy at once"
        return bad("policy", "none came yet: nothing is collected", fix)
    return fine("policy", f"version {vitals['policy_version']}")


def check_devices(vitals: dict[str, Any] | None) -> list[Finding]:
    """Each assigned device: heard, and its battery and signal."""
    return [_device(device) for device in (vitals or {}).get("devices", ())]


def _device(device: dict[str, Any]) -> Finding:
    name, link, said = device["device"], device["link"], device["note"]
    if link == "unknown" and said in ("paused", "not agreed"):
        return fine(name, f"left alone: {said}")
    if link not in ("connected", "advertising"):
        fix = "switch it on, charge it, wear it, bring it near"
        return bad(name, f"{link}{': ' if said else ''}{said}", fix)
    battery, rssi = device["battery_pct"], device["rssi_dbm"]
    if battery is not None and battery < _BATTERY_LOW:
        return note(name, f"battery {battery} %", "charge it, or change its battery")
    if rssi is not None and rssi < _RSSI_WEAK:
        return note(name, f"weak signal, {rssi} dBm", "bring it nearer, or move the box")
    if device.get("bad_messages"):
        fix = "update its firmware; if it goes on, send the bundle: a decoder may be wrong"
        return note(name, said, fix)
    return fine(name, link + ("" if rssi is None else f", {rssi} dBm"))


def check_outbox(data_dir: Path, vitals: dict[str, Any] | None) -> Finding:
    """Whether readings move on, and whether any were lost."""
    try:
        database = connect_readonly(data_dir / "outbox.db")
        try:
            counts = read_counts(database)
        finally:
            database.close()
    except (OutboxError, sqlite3.Error) as error:
        return bad("outbox", str(error), "start the service once; then check the disk")
    age_s = (vitals or {}).get("queue_age_s")
    said = f"{counts.pending} wait, {counts.lost} lost of {counts.accepted}"
    if age_s is not None and age_s > _QUEUE_OLD_S:
        return note("outbox", f"{said}; the oldest for {age_s / 3600:.1f} h", "see broker")
    if counts.lost:
        return note("outbox", said, "the reasons are in `vointi-edge bundle`")
    return fine("outbox", said)


def exit_code(findings: Sequence[Finding]) -> int:
    """1 when something is bad, else 0."""
    return int(any(finding.level is Level.BAD for finding in findings))


def as_json(findings: Sequence[Finding]) -> str:
    """For machines."""
    return json.dumps([asdict(finding) for finding in findings], ensure_ascii=False)


def show(findings: Sequence[Finding]) -> None:
    """For people: a table on the terminal."""
    from rich.console import Console
    from rich.table import Table

    marks = {Level.OK: "[green]✓[/]", Level.NOTE: "[yellow]![/]", Level.BAD: "[bold red]✗[/]"}
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        table.add_row(marks[finding.level], finding.what, finding.said)
        if finding.do:
            table.add_row("", "", f"[bold]→[/] {finding.do}")
    Console(highlight=False).print(table)
