"""Pilots as files, people by pseudonym, devices on loan, the audit log, and the files beneath."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_kit import DEVICE, EDGE, NOW_US, PILOT, birth, document, opened, real_pilot, wearing
from vointi_contract.signing import read_public_keys
from vointi_gateway.errors import (
    AuditError,
    ConflictError,
    RegistryError,
    StoreError,
    UnknownRecordError,
)
from vointi_gateway.pilots import audit
from vointi_gateway.pilots.database import Database, migrations
from vointi_gateway.pilots.document import as_json, as_table, from_table, read, schema
from vointi_gateway.pilots.lending import state_of
from vointi_gateway.pilots.people import INVITATION_US
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.settings import PilotSettings

DOCS = Path(__file__).parents[2] / "docs" / "operators" / "pilots.md"
PACKAGE = "vointi_gateway.pilots"


# ---- a pilot's file


def test_the_published_schema_is_that_of_the_code_and_takes_the_documented_file() -> None:
    published = resources.files(PACKAGE).joinpath("pilot.schema.json").read_text()
    assert json.loads(published) == json.loads(json.dumps(schema()))
    found = re.search(r"```toml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    example = read(found[1], "pilots.md")
    jsonschema.validate(json.loads(as_json(example)), json.loads(published))
    assert read(as_json(example), "copy.json") == example
    assert example.collect[0].purposes == ("care", "evaluation")


@pytest.mark.parametrize(
    ("changes", "field", "fix"),
    [
        ({"id": "A b"}, "pilot.id", "use 1 to 63"),
        ({"kind": "hom"}, "pilot.kind", 'use "home" or "service_point"'),
        ({"nam": "x"}, "pilot.nam", "did you mean"),
        ({"name": 5}, "pilot.name", "must be text"),
        ({"format": 9}, "pilot.format", "this version reads 1"),
        ({"site": [{"id": "a"}]}, "pilot.site[0].name", "is missing"),
        ({"site": [{"id": "a", "name": "", "edges": ["x y"]}]}, "pilot.site[0].edges[0]", "no id"),
        ({"site": [{"id": "a", "name": ""}] * 2}, "pilot.site[1].id", "stands twice"),
        (
            {"collect": [{"metrics": ["hart_rate"], "purposes": ["care"]}]},
            "pilot.collect[0].metrics[0]",
            "heart_rate",
        ),
        (
            {"collect": [{"metrics": ["ecg"], "purposes": ["ads"]}]},
            "pilot.collect[0].purposes[0]",
            "use care, evaluation, open_data",
        ),
        ({"collect": [{"metrics": [], "purposes": ["care"]}]}, "pilot.collect[0].metrics", "empty"),
        (
            {"baseline": {"start": "1.9.", "end": "2026-09-02"}},
            "pilot.baseline.start",
            "2026-09-01",
        ),
        (
            {"baseline": {"start": "2026-09-02", "end": "2026-09-01"}},
            "pilot.baseline.end",
            "before start",
        ),
        ({"retention": {"scalar_days": 0}}, "pilot.retention.scalar_days", "1 to 3650"),
        ({"cost": {"amount": -1}}, "pilot.cost.amount", "0 or more"),
    ],
)
def test_a_mistake_is_named_with_key_and_fix(changes: dict[str, Any], field: str, fix: str) -> None:
    with pytest.raises(RegistryError) as caught:
        from_table({"id": "a", "name": "A", "kind": "home"} | changes)
    assert caught.value.field == field
    assert fix in caught.value.fix
    assert "\n" not in str(caught.value)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "edges", "metrics", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(schema()["properties"])), _JSON, max_size=6))
def test_any_table_is_a_document_or_a_named_mistake(table: dict[str, Any]) -> None:
    try:
        found = from_table({"id": "a", "name": "A", "kind": "home"} | table)
    except RegistryError as exc:
        assert exc.field.startswith("pilot")
    else:
        assert from_table(json.loads(json.dumps(as_table(found)))) == found


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_a_document_or_a_mistake(text: str) -> None:
    with pytest.raises(RegistryError):
        read(text, "pilot.toml")


def test_an_edge_has_one_pilot_and_the_short_form_keeps_working(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, _clock):
        registry.pilots.put(document(), actor="test")
        with pytest.raises(ConflictError, match=f"{EDGE} belongs to {PILOT} already"):
            registry.pilots.put(document(id="pilot-b"), actor="test")
        short = PilotSettings(PILOT, "Other name", "home", edges=(EDGE, "edge-2"))
        registry.seed([short, PilotSettings("pilot-c", "C", "home", edges=("edge-3",))])
        assert [p.id for p in registry.pilots.settings()] == [PILOT, "pilot-c"]
        kept = registry.pilots.get(PILOT)
        assert (kept.name, kept.edges) == ("Pilot A", (EDGE, "edge-2"))
        with pytest.raises(UnknownRecordError, match="import it first"):
            registry.pilots.get("none")


# ---- people


def test_two_pilots_cannot_tell_that_they_share_somebody(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, _clock):
        first = real_pilot(registry)
        resident = registry.people.resident(PILOT, first)
        assert resident is not None
        assert resident.name == "Maija Esimerkki"
        registry.pilots.put(document(id="pilot-b", site=()), actor="test")
        second = registry.people.invite("pilot-b", actor="test", resident=resident.id)[0].person
        assert first != second
        with pytest.raises(ConflictError, match="takes part in pilot-b already"):
            registry.people.invite("pilot-b", actor="test", resident=resident.id)
        assert registry.people.forget(PILOT, first) is False
        assert registry.people.resident("pilot-b", second) == resident
        registry.database.wipe_log()
    data = registry.database.path.read_bytes() + registry.audit.path.read_bytes()
    for value in (b"Maija", b"maija@example.org", resident.id.encode()):
        assert value not in data


def test_a_code_works_once_and_for_two_weeks(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, clock):
        real_pilot(registry)
        _, code = registry.people.invite(PILOT, actor="test")
        assert code.encode() not in registry.database.path.read_bytes()
        assert registry.people.join(f" {code.upper()} ").joined_us == NOW_US
        _, late = registry.people.invite(PILOT, actor="test")
        clock.us += INVITATION_US
        for wrong in (code, late, "x", ""):
            with pytest.raises(RegistryError, match="code: is not valid, or was used"):
                registry.people.join(wrong)


# ---- devices on loan


def test_a_device_goes_round_clean_and_charged(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, clock):
        person = wearing(registry)
        lending = registry.lending

        def state() -> str:
            return next(d.state for d in lending.devices() if d.device == DEVICE)

        with pytest.raises(ConflictError, match=f"{DEVICE} is with {person}; give it back first"):
            lending.lend(DEVICE, PILOT, person, actor="test")
        clock.us += 1
        lending.give_back(DEVICE, actor="test")
        with pytest.raises(ConflictError, match="is with nobody"):
            lending.give_back(DEVICE, actor="test")
        for kind in ("cleaned", "charged"):
            with pytest.raises(ConflictError, match="clean and charge it first"):
                lending.lend(DEVICE, PILOT, person, actor="test")
            lending.care(DEVICE, kind, actor="test")
        assert state() == "ready"
        with pytest.raises(ConflictError, match="give it back first"):
            lending.lend(DEVICE, PILOT, person, actor="test", from_us=NOW_US)
        lending.lend(DEVICE, PILOT, person, actor="test")
        assert state() == "lent"
        registry.pilots.put(document(id="pilot-b", site=()), actor="test")
        other = registry.people.invite("pilot-b", actor="test")[0].person
        with pytest.raises(ConflictError, match=f"belongs to {PILOT}, not to pilot-b"):
            lending.lend(DEVICE, "pilot-b", other, actor="test")


def test_states_of_a_device() -> None:
    assert state_of([]) == "ready"
    assert state_of(["lent", "returned", "charged"]) == "charged"
    assert state_of(["lent", "returned", "charged", "lost"]) == "lost"
    assert state_of(["lent", "returned", "charged", "cleaned"]) == "ready"


# ---- the audit log


def _log(folder: Path) -> Registry:
    registry = Registry(folder, lambda: NOW_US)
    registry.key.open()
    for n in range(4):
        registry.audit.append("test", "nurse", n=n, text="å\n")
    return registry


def _swap(lines: list[str]) -> list[str]:
    return [lines[0], lines[2], lines[1], lines[3]]


@pytest.mark.parametrize(
    ("change", "row"),
    [
        (lambda lines: [lines[0], lines[1].replace('"n":1,', '"n":9,'), *lines[2:]], 2),
        (lambda lines: [lines[0], *lines[2:]], 2),
        (_swap, 2),
        (lambda lines: lines[:3], 4),
        (lambda lines: [*lines[:3], "{"], 4),
        (lambda lines: [], 1),
    ],
    ids=["changed", "removed", "moved", "cut", "torn", "emptied"],
)
def test_the_first_bad_row_is_named(
    tmp_path: Path, change: Callable[[list[str]], list[str]], row: int
) -> None:
    registry = _log(tmp_path)
    (key,) = read_public_keys(registry.key.public_text)
    path = registry.audit.path
    assert audit.verify(path, key) == 4
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))
    with pytest.raises(AuditError) as caught:
        audit.verify(path, key)
    assert caught.value.row == row


def test_a_copied_head_proves_a_cut_of_both(tmp_path: Path) -> None:
    registry = _log(tmp_path)
    (key,) = read_public_keys(registry.key.public_text)
    path, copied = registry.audit.path, registry.audit.head()
    old = path.read_text().splitlines()[:2]
    path.write_text("".join(f"{line}\n" for line in old))
    registry.audit._write_head(2, json.loads(old[1])["hash"])
    assert audit.verify(path, key) == 2
    with pytest.raises(AuditError, match="the given head names row 4"):
        audit.verify(path, key, copied)
    for n in range(2):
        registry.audit.append("other", "thief", n=n)
    with pytest.raises(AuditError, match="row 4: is not the row"):
        audit.verify(path, key, copied)


def test_another_key_signs_nothing_here(tmp_path: Path) -> None:
    registry = _log(tmp_path / "a")
    other = _log(tmp_path / "b")
    (key,) = read_public_keys(other.key.public_text)
    with pytest.raises(AuditError, match="row 1: was signed by another key"):
        audit.verify(registry.audit.path, key)
    assert (tmp_path / "a" / "keys" / "signing.key").stat().st_mode & 0o077 == 0


# ---- the files beneath


def test_every_older_file_is_brought_forward_and_opened_twice(tmp_path: Path) -> None:
    steps = migrations(f"{PACKAGE}.migrations")
    for version in range(len(steps)):
        path = tmp_path / f"v{version}.db"
        con = sqlite3.connect(path)
        for step in steps[:version]:
            con.executescript(step)
        con.execute(f"PRAGMA user_version = {version}")
        con.close()
        for _ in range(2):
            database = Database(path)
            database.open()
            assert database.row("SELECT n FROM revision") is not None
            database.close()


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    con = sqlite3.connect(path)
    con.execute("PRAGMA user_version = 99")
    con.close()
    with pytest.raises(StoreError, match="has schema 99"):
        Database(path).open()


def test_a_change_by_another_process_is_seen(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, _clock):
        real_pilot(registry)
        before = registry.revision()
        assert registry.revision() == before
        other = Registry(registry.folder, lambda: NOW_US)
        other.open()
        other.observe(PILOT, birth())
        other.close()
        assert registry.revision() > before


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, _clock):
        person = real_pilot(registry)
        with pytest.raises(RuntimeError), registry.database.write() as con:
            con.execute("DELETE FROM invitation")
            raise RuntimeError
        assert registry.database.rows("SELECT * FROM invitation WHERE person = ?", person)
