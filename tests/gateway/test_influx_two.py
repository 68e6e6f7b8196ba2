"""What an InfluxDB 2 is told, by its documentation: Debian has none to install."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from gateway_kit import T0_US, hr_frame
from influx_server import make_store
from influx_two import TOKEN, influx_two
from store_conformance import NAME, commit_of, ecg_at
from vointi_gateway.errors import StoreError
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.store.influx.admin import bucket_name
from vointi_gateway.store.influx.client import InfluxClient
from vointi_gateway.store.influx.erase import delete, erase_person, tags_of
from vointi_gateway.store.influx.reading import source

pytestmark = pytest.mark.network
pytest.importorskip("influxdb_client")


def test_lines_go_to_buckets_that_stand_for_policies(tmp_path: Path) -> None:
    with influx_two() as server:
        settings = InfluxSettings(
            *(server.url, "vointi", "vointi", TOKEN),
            raw_waveforms=("*",),
            keep_days=90,
            keep_waveform_days=7,
        )
        store = make_store(tmp_path / "l.sqlite", settings)
        store.open()
        store.commit(commit_of(ecg_at(1), hr_frame(2)))
        store.close()
        kept = {n: b["retentionRules"][0]["everySeconds"] for n, b in server.buckets.items()}
        day_s = 86_400
        assert kept == {"vointi": 90 * day_s, "vointi/waveform": 7 * day_s, "vointi/rollup": 0}
        writes = [(w, body) for _m, path, w, body in server.requests if path == "/api/v2/write"]
        lines = {w["bucket"]: body.count(b"\n") for w, body in writes}
        assert lines == {"vointi": 4, "vointi/waveform": 73}
        assert {(w["org"], w["precision"]) for w, _ in writes} == {("vointi", "ns")}


def test_erasing_names_measurement_tags_and_times(tmp_path: Path) -> None:
    with influx_two() as server:
        settings = InfluxSettings(server.url, "vointi", "vointi", TOKEN, raw_waveforms=("*",))
        store = make_store(tmp_path / "l.sqlite", settings)
        store.open()
        store.commit(commit_of(ecg_at(1)))
        (series,) = store._catalogue.of(NAME)
        client = store._client
        delete(client, tags_of(series), source(series), T0_US * 1000, T0_US * 1000 + 1_500)
        erase_person(client, "p-1")
        assert bucket_name(client, "waveform") == "vointi/waveform"
        store.close()
        told = [(w["bucket"], json.loads(b)) for _, p, w, b in server.requests if "delete" in p]
    bucket, first = told[0]
    assert bucket == "vointi/waveform"
    assert first["predicate"] == (
        f'_measurement="waveform" AND device="{NAME}" AND stream="ecg" AND metric="ecg"'
    )
    assert first["start"].startswith("2026-06-01T00:00:00")
    assert first["stop"].startswith("2026-06-01T00:00:00.000001499")
    assert {bucket for bucket, _ in told[1:]} == {"vointi", "vointi/waveform", "vointi/rollup"}
    assert {body["predicate"] for _, body in told[1:]} == {'subject="p-1"'}


def test_a_token_that_is_refused_is_said_and_not_shown(tmp_path: Path) -> None:
    with influx_two() as server:
        settings = InfluxSettings(server.url, "vointi", "vointi", "wrong-token")
        client = InfluxClient(replace(settings))
        client.open()
        with pytest.raises(StoreError, match=r"influx\.token: InfluxDB refuses it") as caught:
            client.write(b"m v=1 1")
        client.close()
    assert "wrong-token" not in str(caught.value)
