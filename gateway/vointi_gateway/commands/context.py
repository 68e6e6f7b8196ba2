"""What every command needs: the registry, who asks, and a way to answer people and programs."""

from __future__ import annotations

import argparse
import getpass
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias

from rich.console import Console
from rich.table import Table

from ..chores import Chores
from ..errors import RegistryError, StoreLockedError
from ..fleet import Fleet
from ..house import house_of
from ..identity.audit import ChainedAudit
from ..identity.service import Identity
from ..ingest.replay import Replay
from ..making import beside, erase_person, make_store
from ..pilots.jobs import Job
from ..pilots.registry import Registry
from ..progress import Told, untold
from ..quarantine import QuarantineRoom
from ..settings import Settings
from ..store.port import Alone, Store
from .bar import bar

#: A running gateway looks into its mailbox twice a second; a backup of a large store takes minutes.
WAIT_S = 900.0
_LOOK_S = 0.1

Common = Callable[[argparse.ArgumentParser], None]
Sub: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run = Callable[["Context", argparse.Namespace], int]


class Context:
    """One command's registry and output.

    Args:
        settings: where the data folder is.
        as_json: answer programs instead of people.

    """

    def __init__(self, settings: Settings, *, as_json: bool) -> None:
        self.settings, self.as_json = settings, as_json
        self.registry = Registry(settings.data_dir)
        self.console = Console(highlight=False)
        self.actor = f"command:{_user()}"

    def show(self, rows: Sequence[Mapping[str, Any]], title: str) -> None:
        """A table, or a JSON list."""
        if self.as_json:
            print(json.dumps([dict(row) for row in rows], default=str, ensure_ascii=False))
            return
        if not rows:
            self.console.print(f"no {title}")
            return
        table = Table(title=title, title_justify="left")
        for name in rows[0]:
            table.add_column(name.replace("_", " "), overflow="fold")
        for row in rows:
            table.add_row(*(_cell(value) for value in row.values()))
        self.console.print(table)

    def say(self, text: str, **facts: Any) -> None:
        """One line, or a JSON object of the facts."""
        if self.as_json:
            print(json.dumps(facts, default=str, ensure_ascii=False))
        else:
            self.console.print(text, markup=False, soft_wrap=True)

    def draw(self, picture: str) -> None:
        """Something for people's eyes and cameras; in a terminal alone."""
        if self.console.is_terminal and not self.as_json:
            print(picture)

    @contextmanager
    def identity(self) -> Iterator[Identity]:
        """Who may come in."""
        opened = Identity(self.settings, ChainedAudit(self.registry.audit), time.time)
        try:
            yield opened
        finally:
            opened.close()

    @contextmanager
    def bar(self, what: str) -> Iterator[Told]:
        """Show people how far something is."""
        if self.as_json:
            yield untold
            return
        with bar(self.console, what) as told:
            yield told

    def as_holder(self, told: Told = untold) -> bool:
        """Do all that is asked for in the mailbox; False while a gateway holds the store."""
        if self.settings.store == "postgres":
            # What is shared is written to by a gateway that has a lease, and by nobody else.
            return False
        store = make_store(self.settings)
        try:
            store.open()
        except StoreLockedError:
            return False
        try:
            self._chores(store, told)()
        finally:
            store.close()
        return True

    def wait(self, done: Callable[[Told], bool], what: str) -> None:
        """Do it ourselves, or wait for the gateway to. Raises RegistryError when it does not.

        `done` looks whether it is, and tells how far it is.
        """
        with self.bar(what) as told:
            if self.as_holder(told) and done(told):
                return
            end = time.monotonic() + WAIT_S
            while not done(told):
                if time.monotonic() > end:
                    raise RegistryError("gateway", f"has not done this: {what}; look at its log")
                time.sleep(_LOOK_S)

    def job(self, kind: str, what: str, **arguments: Any) -> Job:
        """Have a job done, here or by the gateway. Raises RegistryError when it fails."""
        jobs = self.registry.jobs
        asked = jobs.ask(kind, actor=self.actor, **arguments)

        def done(told: Told) -> bool:
            job = jobs.get(asked.id)
            if job.state == "asked" and job.result:
                told(**job.result)
            return job.state != "asked"

        self.wait(done, what)
        job = jobs.get(asked.id)
        if job.state == "failed":
            raise RegistryError(job.result["field"], job.result["fix"])
        return job

    def _chores(self, store: Store, told: Told) -> Chores:
        def in_turn(work: Callable[[Store], Any]) -> Any:
            return work(store)

        return Chores(
            registry=self.registry,
            store=store,
            in_turn=in_turn,
            quarantine=self._quarantine(store, in_turn),
            erase_copies=lambda person: self._erase_copies(store, person),
            house=house_of(store, self.registry, in_turn, self.settings.hot_days),
            beside=beside(self.settings),
            export_days=self.settings.export_days,
            told=told,
        )

    def _quarantine(self, store: Store, alone: Alone) -> QuarantineRoom:
        pilots = self.registry.pilots.settings()
        shut_out: dict[str, str | None] = {}
        if self.settings.identity is not None:
            with self.identity() as identity:
                shut_out = {edge: identity.why_shut_out(edge) for p in pilots for edge in p.edges}
        fleet = Fleet(pilots, shut_out.get)
        replay = Replay(fleet.pilot_of, cache(self.registry.gate), self.registry.wall_us)
        return QuarantineRoom(store, alone, replay, self.registry.audit)

    def _erase_copies(self, store: Store, person: str) -> str:
        if self.settings.store == "influx":
            return erase_person(store, person)
        if self.settings.influx is None:
            return "none"
        return "start the gateway: it erases from InfluxDB"


def command(
    commands: Sub, name: str, about: str, run: Run, common: Common
) -> argparse.ArgumentParser:
    """A command that is given an opened registry."""
    parser = commands.add_parser(name, help=about, description=about)
    common(parser)
    parser.add_argument("--json", action="store_true", help="answer in JSON")

    def run_with(settings: Settings, arguments: argparse.Namespace) -> int:
        context = Context(settings, as_json=arguments.json)
        context.registry.open()
        try:
            context.registry.seed(settings.pilot)
            return run(context, arguments)
        finally:
            context.registry.close()

    parser.set_defaults(run_with=run_with)
    return parser


def group(commands: Sub, name: str, about: str) -> Sub:
    """A command that has commands of its own."""
    return commands.add_parser(name, help=about, description=about).add_subparsers(
        required=True, metavar="command"
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
