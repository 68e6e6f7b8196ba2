"""``python -m benchmarks [--only NAME ...] [--quick] [--strict] [--figures] [--list]``."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

import benchmarks.cases
from benchmarks.report import add_case, add_row, new_table, write_json, write_table
from benchmarks.rows import ROOT, Row, Settings, find_recordings


def main(argv: list[str] | None = None) -> int:
    """Run the cases asked for; 1 where a case could not be run.

    A missed goal is a finding, and 1 only where `--strict` asks for it.
    """
    args = _arguments(argv)
    recordings = find_recordings()
    settings = Settings(
        args.quick, args.out, recordings, args.rows, args.minutes, args.hours, tuple(args.seed)
    )
    console = Console(width=None if sys.stdout.isatty() else 160)
    cases, broken = _cases(args.only)
    if args.list:
        console.print("\n".join(str(case.NAME) for case in cases), highlight=False)
        return 0
    if args.figures:
        return _figures(cases, settings, console, ROOT / "docs" / "signals" / "figures")
    rows = broken + _measure(cases, settings, console)
    _figures(cases, settings, console, settings.out / "figures")
    missed = [row for row in rows if row.met is False]
    goals = [row for row in rows if row.met is not None]
    console.print(
        f"{len(goals) - len(missed)} of {len(goals)} goals met; {args.out}/*.json and *.md"
    )
    unrun = any(row.goal == "runs" for row in rows)
    return 1 if unrun or (args.strict and missed) else 0


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="a case; may be repeated")
    parser.add_argument("--quick", action="store_true", help="rough figures within seconds")
    parser.add_argument("--strict", action="store_true", help="end with 1 where a goal is missed")
    parser.add_argument(
        "--figures", action="store_true", help="only draw, into docs/signals/figures"
    )
    parser.add_argument("--rows", type=int, metavar="N", help="size of the case `queries`")
    parser.add_argument(
        "--minutes", type=float, metavar="N", help="length of `memory`, at most of `soak_bluez`"
    )
    parser.add_argument(
        "--hours", type=float, metavar="N", help="virtual time of `soak_bluez`, for each seed"
    )
    parser.add_argument(
        "--seed", type=int, action="append", default=[], metavar="N", help="may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="list the cases")
    parser.add_argument("--out", type=Path, default=ROOT / "bench-out", help="folder of results")
    return parser.parse_args(argv)


def _cases(only: list[str] | None) -> tuple[list[Any], list[Row]]:
    """Import the cases asked for; one that cannot be imported becomes a failed row."""
    found, broken = [], []
    for info in pkgutil.iter_modules(benchmarks.cases.__path__):
        if info.name.startswith("_") or (only and info.name not in only):
            continue
        try:
            found.append(importlib.import_module(f"benchmarks.cases.{info.name}"))
        except ImportError as error:
            print(f"{info.name}: {error}", file=sys.stderr)
            broken.append(Row(info.name, "not run", goal="runs", met=False))
    missing = set(only or ()) - {case.__name__.rpartition(".")[2] for case in found}
    if missing and not broken:
        raise SystemExit(f"no such case: {', '.join(sorted(missing))}; see --list")
    return found, broken


def _measure(cases: list[Any], settings: Settings, console: Console) -> list[Row]:
    table, every = new_table(), []
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(cases))
        for case in cases:
            progress.update(task, description=f"measuring {case.NAME}")
            start = time.monotonic()
            rows = _rows(case, settings)
            write_json(
                settings.out / f"{case.NAME}.json", case.NAME, rows, time.monotonic() - start
            )
            write_table(settings.out / f"{case.NAME}.md", rows)
            add_case(table, case.NAME)
            for row in rows:
                add_row(table, row)
            every += rows
            progress.advance(task)
    console.print(table)
    return every


def _rows(case: Any, settings: Settings) -> list[Row]:
    """Run one case; whatever goes wrong in it must not cost the others their result."""
    try:
        return list(case.run(settings))
    except (Exception, pytest.fail.Exception) as error:  # the boundary between cases
        print(f"{case.NAME}: {type(error).__name__}: {error}", file=sys.stderr)
        return [Row("case", "failed", goal="runs", met=False)]


def _figures(cases: list[Any], settings: Settings, console: Console, folder: Path) -> int:
    """Let every case that has ``figures(settings, folder)`` draw."""
    import matplotlib as mpl

    folder.mkdir(parents=True, exist_ok=True)
    for case in cases:
        if not hasattr(case, "figures"):
            continue
        # What one case sets must not show in another's figures.
        with mpl.rc_context():
            mpl.rcdefaults()
            for path in case.figures(settings, folder):
                console.print(f"drew {path}", highlight=False)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
