"""A backup has what InfluxDB has; restored, it answers alike, and erases again who was erased."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import ecg_frame, hr_frame, payload
from influx_server import InfluxServer, Named, make_store, server_at, settings_for
from registry_kit import DEVICE, EDGE, PILOT, birth, document
from store_conformance import NAME, commit_of, ecg_at, span
from vointi_contract.topics import EdgeTopics
from vointi_gateway.cli import main
from vointi_gateway.errors import StoreError
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.pilots.document import as_json
from vointi_gateway.pilots.erasure import Erasures
from vointi_gateway.pilots.registry import Registry, now_us
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.store.influx import InfluxClient, InfluxStore, copying
from vointi_gateway.store.model import SeriesQuery

pytestmark = pytest.mark.network
pytest.importorskip("influxdb_client")

Run = Callable[..., Any]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxServer | Named]:
    with server_at(tmp_path_factory.mktemp("influx")) as found:
        yield found


@pytest.fixture
def settings(server: InfluxServer | Named) -> InfluxSettings:
    return settings_for(server)


def _client(settings: InfluxSettings) -> InfluxClient:
    client = InfluxClient(settings)
    client.open()
    return client


def test_every_point_comes_back_to_the_last_digit(
    tmp_path: Path, server: InfluxServer | Named
) -> None:
    """Tags that some points have, hours without any, and numbers that JSON shows as whole."""
    old, new = (settings_for(server, tag_people=True) for _ in range(2))
    far_us = 40 * 86_400_000_000
    store = make_store(tmp_path / "a.sqlite", old)
    store.open()
    store.commit(commit_of(*(ecg_at(seq) for seq in range(1, 9)), hr_frame(20)))
    store.commit(commit_of(ecg_frame(30, wall_us=far_us), hr_frame(31, 61, wall_us=far_us + 3)))
    store.compact()
    store.copy_to(tmp_path / "b.sqlite")
    store.copy_archive(tmp_path)
    target = _client(new)
    written = sum(
        gzip.decompress(path.read_bytes()).count(b"\n")
        for path in (tmp_path / copying.FOLDER).iterdir()
    )
    assert copying.load(target, tmp_path) == written == copying.count(target)
    with pytest.raises(StoreError, match=r"influx\.bucket: .* has readings; name a bucket"):
        copying.load(target, tmp_path)
    target.close()
    copy = make_store(tmp_path / "b.sqlite", new)
    copy.open()
    for metric in ("ecg", "heart_rate", "rr_interval"):
        _same(store, copy, span(metric))
    copied = tmp_path / "again"
    copied.mkdir()
    copy.copy_archive(copied)
    for path in (tmp_path / copying.FOLDER).iterdir():
        again = (copied / copying.FOLDER / path.name).read_bytes()
        lines = (gzip.decompress(data).splitlines() for data in (path.read_bytes(), again))
        first, second = map(sorted, lines)
        assert first == second
    store.close()
    copy.close()


def _same(a: InfluxStore, b: InfluxStore, query: SeriesQuery) -> None:
    for one, other in zip(_columns(a, query), _columns(b, query), strict=True):
        assert one == other
    assert a.latest() == b.latest()
    assert a.counts() == b.counts()


def _columns(store: InfluxStore, query: SeriesQuery) -> Iterator[list[Any]]:
    found = store.samples(query)
    yield from (c.tolist() for c in (found.t_us, found.value, found.quality, found.seq))
    for window_us in (1_000_000, 60_000_000):
        summed = store.windows(query, window_us)
        yield from (c.tolist() for c in (summed.t_us, summed.n, summed.mean, summed.low))


def test_a_backup_without_values_is_refused_unless_that_is_meant(
    tmp_path: Path, settings: InfluxSettings
) -> None:
    client = _client(settings)
    with pytest.raises(StoreError, match="this backup has no values of an InfluxDB"):
        copying.load(client, tmp_path)
    client.close()


@pytest.fixture
def run(
    tmp_path: Path, settings: InfluxSettings, capsys: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs a command with --json on `bucket`; the answer, or the error line."""

    def run(*words: str, bucket: str = settings.bucket, code: int = 0) -> Any:
        config = tmp_path / "gateway.toml"
        config.write_text(
            f'data_dir = "{tmp_path / "data"}"\nstore = "influx"\n[influx]\n'
            f'url = "{settings.url}"\nbucket = "{bucket}"\norg = "{settings.org}"\n'
            f'token = "{settings.token}"\nraw_waveforms = ["*"]\n'
        )
        with pytest.raises(SystemExit) as caught:
            main([*words, "--config", str(config), "--json"])
        out, err = capsys.readouterr()
        assert caught.value.code == code, err
        return json.loads(out) if code != 2 else err.strip()

    yield run


def _started(run: Run, tmp_path: Path, settings: InfluxSettings) -> str:
    """A pilot with one person who wore a strap and agreed; the pseudonym."""
    file = tmp_path / "pilot.json"
    file.write_text(as_json(document()))
    run("pilot", "import", str(file))
    invited = run("participant", "invite", PILOT, "--name", "Maija Esimerkki")
    person = str(run("participant", "join", invited["code"])["person"])
    run("device", "add", DEVICE, "--model", "polar-h10")
    run("device", "lend", DEVICE, PILOT, person)
    run("consent", "give", PILOT, person, "care", "--days", "30")
    registry = Registry(tmp_path / "data")
    registry.open()
    registry.observe(PILOT, birth())
    at_us = now_us()
    data = payload(hr_frame(1, wall_us=at_us), hr_frame(2, 63, wall_us=at_us + 1))
    delivery = Delivery(EdgeTopics(PILOT, EDGE).live("strap-1"), data, 1, 1, 1, False, at_us)
    stager = Stager(Ledger(), set(), {EDGE: PILOT}.get, now_us, registry.gate)
    store = make_store(tmp_path / "data" / InfluxStore.file_name, settings)
    store.open()
    store.commit(stager.stage([delivery], {}).commit)
    store.close()
    registry.close()
    return person


def _rates(tmp_path: Path, settings: InfluxSettings) -> list[float]:
    store = make_store(tmp_path / "data" / InfluxStore.file_name, settings)
    store.open()
    try:
        return store.samples(SeriesQuery(NAME, "heart_rate", 0, 2**62)).value.tolist()
    finally:
        store.close()


def test_a_sealed_backup_is_tried_and_restored_and_erases_again(
    run: Run, tmp_path: Path, server: InfluxServer | Named, settings: InfluxSettings
) -> None:
    person = _started(run, tmp_path, settings)
    key, file = str(tmp_path / "backup.key"), tmp_path / "monday.backup"
    run("backup-key", key)
    run("backup", str(file), "--key-file", key)
    assert all(word not in file.read_bytes() for word in (person.encode(), b"heart_rate"))
    before = _databases(settings)
    sealed = (str(file), "--key-file", key)
    tried = run("restore-drill", *sealed)
    assert (tried["people"], tried["readings"], tried["to_erase_again"]) == (1, 2, 0)
    assert _databases(settings) == before
    run("erase", PILOT, person, "--yes")
    assert _rates(tmp_path, settings) == []
    assert run("restore-drill", *sealed)["to_erase_again"] == 1
    new = settings_for(server)
    # Old receipts must not stand beside newer values: what is restored gets a place of its own.
    run("restore", *sealed, bucket=new.bucket)
    assert not (tmp_path / "data" / copying.FOLDER).exists()
    assert _rates(tmp_path, new) == [62.0, 63.0]
    assert "has readings" in run("restore", *sealed, bucket=new.bucket, code=2)
    registry = Registry(tmp_path / "data")
    registry.open()
    assert Erasures(registry, registry.wall_us).again() == 1
    registry.close()
    # Whoever holds the store next does what is asked for.
    run("export", PILOT, "p-none", bucket=new.bucket, code=2)
    assert run("participant", "list", bucket=new.bucket) == []
    assert _rates(tmp_path, new) == []


def _databases(settings: InfluxSettings) -> list[str]:
    client = _client(settings)
    rows = [row[0] for table in client.query("SHOW DATABASES") for row in table.rows]
    client.close()
    return sorted(rows)
