"""What a person sees while the demo runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from .health import Health
from .process import Child, State

COUNTS = ("accepted", "stored", "duplicates", "quarantined", "lost")


def view(url: str, children: Sequence[Child], health: Health, uptime_s: float) -> RenderableType:
    """The status screen: where the page is, what runs, and the five counts."""
    return Panel(
        Group(_headline(url, health), Text(), _parts(children), Text(), _counts(health)),
        title="[bold]Vointi demo[/bold]",
        subtitle=f"up {uptime_s:.0f} s · Ctrl-C stops everything",
        border_style="green" if health.flowing else "yellow",
        expand=False,
        padding=(1, 2),
    )


def line(children: Sequence[Child], health: Health) -> str:
    """The same in one line, for logs and pipes."""
    running = sum(child.state is State.RUNNING for child in children)
    counts = " ".join(f"{name}={health.counts.get(name, 0)}" for name in COUNTS)
    return f"{running}/{len(children)} parts run · {counts} · {_latency(health)}"


def _headline(url: str, health: Health) -> Text:
    if health.flowing:
        return Text.assemble(("♥ live: ", "bold green"), (url, "bold underline"))
    waiting = "waiting for the first heartbeat" if health.answered else "starting"
    return Text.assemble((f"… {waiting}: ", "bold yellow"), (url, "underline"))


def _parts(children: Sequence[Child]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("part", "state", "process", "restarts"):
        table.add_column(heading, justify="right" if heading in {"process", "restarts"} else "left")
    for child in children:
        colour = "green" if child.state is State.RUNNING else "yellow"
        table.add_row(
            child.name, f"[{colour}]{child.state}[/]", str(child.pid or "–"), str(child.restarts)
        )
    return table


def _counts(health: Health) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in COUNTS:
        table.add_column(name, justify="right")
    table.add_column("on the page after", justify="right")
    table.add_row(*[f"{health.counts.get(name, 0):,}" for name in COUNTS], _latency(health))
    return table


def _latency(health: Health) -> str:
    p50, p99 = health.latency_ms.get("p50"), health.latency_ms.get("p99")
    return "–" if p50 is None or p99 is None else f"{p50:.0f} ms (p99 {p99:.0f} ms)"
