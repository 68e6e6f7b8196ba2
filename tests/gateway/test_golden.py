"""Files of every earlier schema are carried on: what was in them stays, more can come."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import duckdb
import golden
import pytest
from gateway_kit import EDGE, hr_frame
from registry_kit import DEVICE, NOW_US, PILOT
from store_conformance import commit_of, ecg_at, span
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Counts

MINUTE_US = 60_000_000


def steps(package: str) -> set[int]:
    names = (f.name for f in resources.files(package).joinpath("migrations").iterdir())
    return {int(name[:4]) for name in names if name.endswith(".sql")}


def schemas(kind: str) -> set[int]:
    return {int(path.stem.rpartition("-")[2]) for path in golden.dumps(kind)}


def columns(path: Path) -> list[tuple[str, ...]]:
    with closing(duckdb.connect(str(path), read_only=True)) as con:
        sql = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
        return sorted(con.execute(sql).fetchall())


def test_every_schema_has_its_file() -> None:
    assert schemas("embedded") == steps("vointi_gateway.store.embedded")
    # The first two of the registry came with one version.
    assert schemas("registry") == steps("vointi_gateway.pilots") - {1}


@pytest.mark.parametrize("dump", golden.dumps("embedded"), ids=lambda path: path.stem)
def test_the_embedded_store_carries_readings_on(dump: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.duckdb"
    golden.load_embedded(dump.read_text(encoding="utf-8"), path)
    for seqs in ([1, 3], [1, 3, 4]):
        store = EmbeddedStore(path)
        store.open()
        store.summarise()
        assert store.samples(span("heart_rate")).value.tolist() == [62.0, 71.0, 62.0][: len(seqs)]
        assert store.samples(span("heart_rate")).seq.tolist() == seqs
        ecg = ecg_at(2).channels[0].physical().tolist()
        assert store.samples(span("ecg")).value.tolist() == ecg
        hour = store.windows(span("heart_rate"), MINUTE_US)
        assert (hour.source, hour.n.tolist()) == ("1m", [len(seqs)])
        assert (hour.low.tolist(), hour.high.tolist()) == ([62.0], [71.0])
        found = store.windows(span("ecg"), MINUTE_US)
        assert (found.low.tolist(), found.high.tolist()) == ([min(ecg)], [max(ecg)])
        assert store.counts() == {EDGE: Counts(1 + len(seqs), 1 + len(seqs))}
        assert [(r.first, r.last) for r in store.receipts()] == [(1, 1 + len(seqs))]
        if len(seqs) == 2:
            store.commit(commit_of(hr_frame(4)))
        store.close()
    new = EmbeddedStore(tmp_path / "new.duckdb")
    new.open()
    new.close()
    assert columns(path) == columns(tmp_path / "new.duckdb")


@pytest.mark.parametrize("dump", golden.dumps("registry"), ids=lambda path: path.stem)
def test_the_registry_carries_people_on(dump: Path, tmp_path: Path) -> None:
    golden.load_sqlite(dump.read_text(encoding="utf-8"), tmp_path / "registry.db")
    registry = Registry(tmp_path, lambda: NOW_US)
    registry.open()
    (person,) = {loan.person for loan in registry.lending.loans(PILOT)}
    assert person in {p.person for p in registry.people.all()}
    gate = registry.gate()
    assert gate.spans(DEVICE, "care", "heart_rate", NOW_US + 1)
    assert not gate.spans(DEVICE, "evaluation", "heart_rate", NOW_US + 1)
    assert registry.pilots.get(PILOT).dpia == "DPIA-1"
    registry.close()
    with closing(sqlite3.connect(tmp_path / "registry.db")) as con:
        (version,) = con.execute("PRAGMA user_version").fetchone()
    assert version == max(steps("vointi_gateway.pilots"))
