"""Copies for InfluxDB: complete, in time, again after a failure; also into a real server."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext
from pathlib import Path

import pytest
from gateway_kit import T0_US, hr_frame, wait_for
from influx_server import named_server, running_influx, settings_for
from store_conformance import NAME, commit_of, ecg_at, span
from vointi_gateway.errors import ConfigError
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.influx import InfluxClient, InfluxForwarder
from vointi_gateway.store.influx.admin import prepare
from vointi_gateway.store.influx.client import token_of
from vointi_gateway.store.influx.forwarder import InfluxTarget
from vointi_gateway.store.influx.lines import encode_lines, measurement
from vointi_gateway.store.model import ExportMark, Point


class _Target:
    """Keeps the last line of each series and time, as InfluxDB does."""

    def __init__(self) -> None:
        self.failing = threading.Event()
        self.rows: dict[tuple[str, str], str] = {}
        self.attempts = 0

    def erase(self, person: str) -> None:
        if self.failing.is_set():
            raise ConnectionError("refused")
        self.rows = {k: v for k, v in self.rows.items() if f"subject={person}" not in k[0]}

    def write(self, lines: bytes) -> None:
        self.attempts += 1
        if self.failing.is_set():
            raise ConnectionError("refused")
        for line in lines.decode().split("\n"):
            series, fields, at = line.split(" ")
            self.rows[series, at] = fields

    def close(self) -> None:
        pass


def _forwarder(store: EmbeddedStore, target: _Target) -> InfluxForwarder:
    people = {NAME: "p-7f3a"}
    return InfluxForwarder(
        store, target, lambda device, _t: people.get(device), idle_s=0.02, retry_s=(0.02, 0.1)
    )


def test_a_person_is_erased_from_the_copy_or_it_is_said_why_not() -> None:
    target = _Target()
    fields = (("value", 62.0),)
    people = {NAME: "p-1", "edge-1.strap-2": "p-2"}
    points = [Point("pilot-a", name, "hr", "heart_rate", T0_US, fields) for name in people]
    target.write(encode_lines(points, lambda device, _t: people[device]))
    forwarder = InfluxForwarder(None, target, lambda *_: None)
    target.failing.set()
    assert forwarder.erase("p-1") == "InfluxDB does not answer (ConnectionError)"
    target.failing.clear()
    assert forwarder.erase("p-1") == "done"
    assert [("p-1" in key, "p-2" in key) for key, _ in target.rows] == [(False, True)]


def test_a_line_has_few_tags_and_floats_only() -> None:
    fields = (("value", 62.0), ("quality", 0.0))
    point = Point("pilot-a", NAME, "hr", "heart_rate", T0_US, fields)
    assert encode_lines([point], lambda *_: "p-1") == (
        b"vitals,device=edge-1.strap-1,metric=heart_rate,pilot=pilot-a,stream=hr,subject=p-1 "
        b"value=62.0,quality=0.0 1780272000000000"
    )
    assert b"subject" not in encode_lines([point], lambda *_: None)


def test_measurements() -> None:
    names = ["spo2", "steps", "battery_level", "co2", "feedback", "ecg", "unheard_of"]
    expected = "vitals activity device_health environment place waveform_1s other"
    assert [measurement(n) for n in names] == expected.split()


def test_scalars_and_complete_seconds_arrive(store: EmbeddedStore) -> None:
    target = _Target()
    forwarder = _forwarder(store, target)
    forwarder.start()
    for seq in range(1, 12):
        store.commit(
            commit_of(ecg_at(2 * seq - 1), hr_frame(2 * seq, 60 + seq, wall_us=T0_US + seq))
        )
        time.sleep(0.01)
    want = store.windows(span("ecg"), 1_000_000)
    seconds = lambda: {  # noqa: E731
        at: fields
        for (series, at), fields in target.rows.items()
        if series.startswith("waveform_1s")
    }
    wait_for(lambda: len(seconds()) == len(want.t_us))
    time.sleep(0.1)
    forwarder.stop()
    for i, t_us in enumerate(want.t_us):
        expected = (
            f"mean={want.mean[i].item()!r},min={want.low[i].item()!r},max={want.high[i].item()!r}"
        )
        assert seconds()[str(t_us)] == f"{expected},n={float(want.n[i])!r}"
    rates = {k[1]: v for k, v in target.rows.items() if "metric=heart_rate" in k[0]}
    assert rates == {str(T0_US + s): f"value={60.0 + s},quality=0.0" for s in range(1, 12)}


def test_a_server_that_is_down_delays_and_blocks_nothing(store: EmbeddedStore) -> None:
    target = _Target()
    target.failing.set()
    forwarder = _forwarder(store, target)
    forwarder.start()
    for seq in range(1, 6):
        store.commit(commit_of(hr_frame(seq, wall_us=T0_US + seq)))
    wait_for(lambda: target.attempts >= 2)
    assert not forwarder.ok
    assert store.export_mark("influx") == ExportMark()
    target.failing.clear()
    wait_for(lambda: len([k for k in target.rows if "heart_rate" in k[0]]) == 5)
    wait_for(lambda: store.export_mark("influx").scalar >= 0)
    forwarder.stop()
    assert forwarder.ok


def test_the_mark_survives_a_restart(tmp_path: Path) -> None:
    store = EmbeddedStore(tmp_path / "m.duckdb")
    store.open()
    store.commit(commit_of(hr_frame(1)))
    points, mark = store.export(ExportMark(), 100)
    assert len(points) == 3
    store.save_export_mark("influx", mark)
    store.close()
    store.open()
    assert store.export(store.export_mark("influx"), 100) == ([], mark)
    store.commit(commit_of(hr_frame(2)))
    assert len(store.export(mark, 2)[0]) == 2
    store.close()


def test_a_missing_token_file_is_named(tmp_path: Path) -> None:
    settings = InfluxSettings("http://x", "b", token_file=tmp_path / "none")
    with pytest.raises(ConfigError, match=r"influx\.token_file"):
        token_of(settings)


@pytest.mark.network
def test_a_real_server_takes_copies_and_erases_a_person(tmp_path: Path) -> None:
    named = named_server()
    with nullcontext(named) if named else running_influx(tmp_path) as server:
        settings = settings_for(server)
        reader = InfluxClient(settings)
        reader.open()
        prepare(reader)
        fields = (("value", 62.0), ("quality", 0.0))
        points = [Point("pilot-a", NAME, "hr", "heart_rate", T0_US + i, fields) for i in range(50)]
        people = {T0_US + i: f"p-{i % 2}" for i in range(50)}
        target = InfluxTarget(settings)
        target.write(encode_lines(points, lambda _device, t_us: people[t_us]))
        asked = f"SELECT count(value) FROM vitals WHERE device = '{NAME}' GROUP BY subject"
        assert {t.tags["subject"]: t.rows[0][1] for t in reader.query(asked)} == {
            "p-0": 25,
            "p-1": 25,
        }
        target.erase("p-0")
        assert [(t.tags["subject"], t.rows[0][1]) for t in reader.query(asked)] == [("p-1", 25)]
        target.close()
        reader.close()
