"""vointi-gateway pilot list | show | import | export | add-edge | schema."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from ..errors import RegistryError
from ..pilots.document import as_json, as_table, read, schema
from .context import Common, Context, Sub, command, group


def add_commands(commands: Sub, common: Common) -> None:
    """Add the commands."""
    sub = group(commands, "pilot", "pilots: import, export, edges")
    command(sub, "list", "every pilot", _list, common)
    command(sub, "show", "one pilot", _show, common).add_argument("pilot")
    command(sub, "schema", "print the JSON schema of a pilot file", _schema, common)
    take = command(sub, "import", "add a pilot, or replace it, from TOML or JSON", _import, common)
    take.add_argument("file", type=Path)
    give = command(sub, "export", "write a pilot's file, for another city", _export, common)
    give.add_argument("pilot")
    give.add_argument("--to", type=Path, help="the file; standard output when it is not named")
    edge = command(sub, "add-edge", "an edge at a site of a pilot", _add_edge, common)
    edge.add_argument("pilot")
    edge.add_argument("edge")
    edge.add_argument("--site", help="the site; the edge's own name when it is not named")


def _list(context: Context, _arguments: argparse.Namespace) -> int:
    people = [p.pilot for p in context.registry.people.all()]
    rows = [
        {
            "pilot": d.id,
            "name": d.name,
            "kind": d.kind,
            "city": d.city,
            "people": people.count(d.id),
            "edges": d.edges,
            "simulated": d.people == "simulated",
        }
        for d in context.registry.pilots.all()
    ]
    context.show(rows, "pilots")
    return 0


def _show(context: Context, arguments: argparse.Namespace) -> int:
    document = context.registry.pilots.get(arguments.pilot)
    if context.as_json:
        print(json.dumps(as_table(document), ensure_ascii=False))
    else:
        context.console.print_json(as_json(document))
    return 0


def _schema(_context: Context, _arguments: argparse.Namespace) -> int:
    print(json.dumps(schema(), indent=2))
    return 0


def _import(context: Context, arguments: argparse.Namespace) -> int:
    try:
        text = arguments.file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise RegistryError("file", f"{arguments.file} cannot be read ({exc})") from exc
    document = read(text, arguments.file.name)
    context.registry.pilots.put(document, actor=context.actor)
    context.say(f"{document.id}: imported, {len(document.edges)} edges", pilot=document.id)
    return 0


def _export(context: Context, arguments: argparse.Namespace) -> int:
    text = as_json(context.registry.pilots.get(arguments.pilot))
    if arguments.to is None:
        print(text, end="")
    else:
        arguments.to.write_text(text, encoding="utf-8")
        context.say(f"written to {arguments.to}", file=arguments.to)
    return 0


def _add_edge(context: Context, arguments: argparse.Namespace) -> int:
    site = arguments.site or arguments.edge
    context.registry.pilots.add_edge(arguments.pilot, arguments.edge, site, actor=context.actor)
    context.say(f"{arguments.edge}: at {site} of {arguments.pilot}", edge=arguments.edge, site=site)
    return 0
