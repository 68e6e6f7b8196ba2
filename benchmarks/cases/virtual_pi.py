"""An edge on an emulated aarch64 machine, provisioned from its card: `make virtual-pi`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rows import ROOT, Row, Settings

sys.path.append(str(ROOT / "tests" / "support"))

from virtual_pi import built
from virtual_pi_proof import Found, Proof
from vointi_demo.layout import HOME_DEVICES

NAME = "virtual_pi"


def run(settings: Settings) -> list[Row]:
    """From a blank card to readings at the gateway, through a restart and a power cut."""
    if not built():
        return [Row("not run", "no machine: `make virtual-pi` builds it")]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="vointi-") as folder:
        found = Proof(Path(folder), 30.0 if settings.quick else 120.0).run()
    return rows(found, time.monotonic() - began)


def rows(found: Found, took_s: float) -> list[Row]:
    """What was seen, as a table; of a run that stopped, what was seen by then."""
    return [
        *_came_up(found),
        *_doctor(found),
        *_readings(found),
        *_signals(found),
        *_books(found),
        *_whole(found, took_s),
    ]


def _came_up(found: Found) -> list[Row]:
    kept = ", ".join(found.secrets_left) or "none"
    again = found.again == "0 changes made"
    looked = [
        Row("provisioned again", found.again, goal="0 changes", met=again),
        Row("secrets left on the card", kept, goal="none", met=not found.secrets_left),
    ]
    return [
        Row("the machine", found.system),
        *(
            Row(f"step: {name}", f"{seconds:.0f} s ({found.processor[name]:.0f} s of processor)")
            for name, seconds in found.steps.items()
        ),
        Row("provisioned by its first boot", found.provisioned),
        *(looked if found.again else []),
        *(
            Row(f"units that failed, after {after}", said or "none", goal="none", met=not said)
            for after, said in found.failed_units.items()
        ),
        *_update(found.update),
        *(
            Row(f"starts of the edge by systemd again, after {after}", count)
            for after, count in found.restarts.items()
        ),
        *(
            Row(f"exposure of {unit} (sandbox)", level, goal="<= 2.5", met=level <= 2.5)
            for unit, level in found.sandboxes.items()
        ),
        Row("adapter", " ".join(found.adapter.split())),
    ]


def _update(said: str) -> list[Row]:
    """What became of vointi-update.service, which had nothing to do, at the restart's boot."""
    if not said:
        return []
    asked_us, needed, result = said.split()
    # "success" is said of what was never to start, too
    told = "not asked for" if asked_us == "0" else result if needed == "yes" else "not needed"
    well = told in ("success", "not needed")
    return [Row("vointi-update at the restart", told, goal="success or not needed", met=well)]


def _doctor(found: Found) -> list[Row]:
    return [Row(f"doctor: {one['what']}", f"{one['level']}: {one['said']}") for one in found.doctor]


def _readings(found: Found) -> list[Row]:
    if not found.outbox:
        return []
    counts, outbox = found.counts, found.outbox
    rest = sum(counts.get(name, 0) for name in ("stored", "duplicates", "quarantined", "lost"))
    even = bool(counts) and counts["accepted"] == rest and counts["lost"] == 0
    wanted = len(HOME_DEVICES)
    return [
        Row(
            "devices that deliver",
            len(found.devices),
            goal=f"{wanted}",
            met=len(found.devices) == wanted,
        ),
        Row(
            "readings committed at the gateway",
            outbox.get("committed", 0),
            goal="> 0",
            met=outbox.get("committed", 0) > 0,
        ),
        Row("lost", outbox.get("lost", 0), goal="0", met=outbox.get("lost") == 0),
        Row(
            "accepted = stored + duplicates + quarantined + lost",
            "yes" if even else "no",
            goal="yes",
            met=even,
        ),
        Row("measured for", found.seconds, "s"),
        Row("readings a second", found.readings / found.seconds, "/s"),
        Row("edge: share of one emulated core", found.cpu_share * 100, "%"),
        Row("edge: memory (RSS)", found.rss_mb, "MB", goal="<= 90", met=found.rss_mb <= 90),
    ]


def _signals(found: Found) -> list[Row]:
    if not found.answers:
        return []
    unequal = {name: said for name, said in found.answers.items() if said}
    equal = f"{len(found.answers) - len(unequal)} of {len(found.answers)}"
    close = f"{len(found.answers) - len(found.far)} of {len(found.answers)}"
    return [
        Row("signal routines equal to x86-64, bit for bit", equal),
        Row("signal routines equal within 1e-12", close, goal="all", met=not found.far),
        *(Row(f"  {name}", said) for name, said in unequal.items()),
    ]


def _books(found: Found) -> list[Row]:
    """The account after a restart and a power cut, from the outbox and the store themselves."""
    books = found.books
    if books is None:
        return []
    account = books.account
    return [
        Row(
            "boots with readings",
            books.boots,
            goal=f"{found.boots}",
            met=books.boots == found.boots,
        ),
        Row("accepted, over all boots", account.accepted),
        Row("stored once", account.stored),
        Row("still in the outbox", books.waiting),
        Row("stored twice", account.twice, goal="0", met=account.twice == 0),
        Row("nowhere", books.nowhere, goal="0", met=books.nowhere == 0),
        Row(
            "numbers without gap or repeat, both sides agree",
            "yes" if books.even else "no",
            goal="yes",
            met=books.even,
        ),
    ]


def _whole(found: Found, took_s: float) -> list[Row]:
    """Whether all of it was done, and in what time."""
    processor_s = sum(found.processor.values())
    stopped = found.stopped.splitlines()[0] if found.stopped else "yes"
    return [
        Row("all steps", f"{took_s / 60:.0f} min ({processor_s / 60:.0f} min of processor)"),
        Row("went through whole", stopped, goal="yes", met=not found.stopped),
    ]
