"""One table for people, one JSON file a case for machines."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from benchmarks.rows import Row


def new_table() -> Table:
    """Return the empty table; in a terminal of 80 columns every line can be read."""
    table = Table(title="Measured on this machine, ours and the peers in one run")
    table.add_column("metric", min_width=24)
    table.add_column("ours", justify="right", no_wrap=True)
    table.add_column("peer")
    table.add_column("goal")
    table.add_column("met", no_wrap=True)
    return table


def add_case(table: Table, case: str) -> None:
    """Begin a case's lines."""
    table.add_section()
    table.add_row(f"[bold]{case}[/]")


def add_row(table: Table, row: Row) -> None:
    """Add one line."""
    met = {None: "", True: "[green]yes[/]", False: "[red]no[/]"}[row.met]
    table.add_row(
        escape(row.metric), shown(row.ours, row.unit), escape(_beside(row)), escape(row.goal), met
    )


def _beside(row: Row) -> str:
    """How the peer did, how many times better ours is, and who the peer is."""
    if row.peer is None:
        return row.peer_name
    ratio = "" if row.ratio is None else f" ({row.ratio:.3g}x)"
    return f"{shown(row.peer, row.unit)}{ratio}: {row.peer_name}"


def shown(value: float | str | None, unit: str) -> str:
    """Write a value with four digits that matter, and its unit."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    text = f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"
    return f"{text} {unit}".strip()


def write_json(path: Path, case: str, rows: list[Row], seconds: float) -> None:
    """Write a case's rows beside what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = {"machine": platform.machine(), "python": platform.python_version()}
    body = {"case": case, "seconds": round(seconds, 1), "on": machine}
    body["rows"] = [asdict(row) for row in rows]
    path.write_text(json.dumps(body, indent=1) + "\n")


def write_table(path: Path, rows: list[Row]) -> None:
    """Write a case's rows as a Markdown table, for the pages of the documentation."""
    lines = ["| | ours | peer | ratio | goal | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        peer = f"{shown(row.peer, row.unit)} ({row.peer_name})" if row.peer is not None else ""
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}x"
        met = {None: "", True: "yes", False: "no"}[row.met]
        cells = (row.metric, shown(row.ours, row.unit), peer, ratio, row.goal, met)
        lines.append("| " + " | ".join(cells) + " |")
    path.write_text("\n".join(lines) + "\n")
