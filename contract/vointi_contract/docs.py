"""Bring the generated tables of the contract's page up to date.

    python -m vointi_contract.docs docs/integrators/contract.md [--check]

A table stands between `<!-- generated: NAME -->` and `<!-- end -->`. With --check nothing is
written and the exit code is 1 where the page is out of date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from vointi_contract import ack, checks, codec
from vointi_contract.frame import ClockState, Quality
from vointi_contract.metrics import METRICS, Metric
from vointi_contract.topics import EdgeTopics

_PLACE: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)

_TOPICS: Final = (
    ("live(device)", "up", "1", "no", "batch: readings as they are made"),
    ("backlog(device)", "up", "1", "no", "batch: readings that waited for a connection"),
    ("meta", "up", "1", "yes", "birth: what the edge is and has"),
    ("state", "up", "1", "yes", "state, and the will"),
    ("clk", "up", "1", "no", "clock anchor"),
    ("results", "up", "1", "no", "what became of commands and policies"),
    ("ack", "down", "1", "no", "commit watermarks"),
    ("cmd", "down", "1", "no", "signed commands"),
    ("policy", "down", "1", "yes", "the signed collection policy"),
)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(head)
    lines = [names, ["---"] * len(names), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def metrics_table() -> str:
    """Every metric with unit, range and outside codes."""
    head = ("code", "name", "label", "unit (UCUM)", "kind", "range", "LOINC", "MDC")
    return table(head, map(_metric_row, METRICS))


def topics_table() -> str:
    """Every topic of the edge `home-1` of the pilot `demo-home`."""
    edge = EdgeTopics("demo-home", "home-1")
    paths = {
        "live(device)": edge.live("strap-1"),
        "backlog(device)": edge.backlog("strap-1"),
    }
    rows = ((f"`{paths.get(name) or getattr(edge, name)}`", *rest) for name, *rest in _TOPICS)
    return table(("topic", "way", "QoS", "retained", "payload"), rows)


def limits_table() -> str:
    """What a reader refuses above."""
    limits = (
        ("payload", f"{codec.MAX_PAYLOAD} bytes"),
        ("batch, decompressed", f"{codec.MAX_DECOMPRESSED} bytes"),
        ("frames in a batch", str(checks.MAX_FRAMES)),
        ("losses in a batch", str(checks.MAX_LOSSES)),
        ("channels in a frame", str(checks.MAX_CHANNELS)),
        ("values in a channel", str(checks.MAX_VALUES)),
        ("sampling rate", f"{checks.MAX_RATE_HZ:g} Hz"),
        ("`mono_us`, `wall_us`", "2^53 - 1"),
        ("`seq`", "2^63 - 1"),
        ("`dev_ts_ns`", "±(2^62 - 1)"),
        ("watermarks in an ack", str(ack.MAX_MARKS)),
        ("gaps in a watermark", str(ack.MAX_GAPS)),
    )
    return table(("what", "at most"), limits)


def clocks_table() -> str:
    """Clock states."""
    return table(("code", "clock"), ((str(int(s)), s.name.lower()) for s in ClockState))


def quality_table() -> str:
    """Quality bits."""
    rows = ((str(int(bit)), bit.name.lower().replace("_", " ")) for bit in Quality if bit.name)
    return table(("bit", "what is known against the samples"), rows)


TABLES: Final[dict[str, Callable[[], str]]] = {
    "topics": topics_table,
    "metrics": metrics_table,
    "limits": limits_table,
    "clocks": clocks_table,
    "quality": quality_table,
}


def renewed(page: str) -> str:
    """The page with every generated table as it should be."""
    return _PLACE.sub(lambda found: found[1] + TABLES[found[2]]() + found[3], page)


def _metric_row(metric: Metric) -> tuple[str, ...]:
    return (
        str(metric.code),
        f"`{metric.name}`",
        metric.label,
        f"`{metric.unit}`",
        metric.kind.value,
        f"{metric.low:.10g} … {metric.high:.10g}",
        metric.loinc or "–",
        str(metric.mdc or "–"),
    )


def main(arguments: list[str]) -> int:
    """Renew or check one page; the exit code."""
    if not arguments:
        sys.stderr.write("page: missing; give docs/integrators/contract.md\n")
        return 2
    page, check = Path(arguments[0]), "--check" in arguments[1:]
    before = page.read_text(encoding="utf-8")
    after = renewed(before)
    if check and after != before:
        sys.stderr.write(f"{page}: out of date; run python -m vointi_contract.docs {page}\n")
        return 1
    if after != before:
        page.write_text(after, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
