"""The HTTP API against a running gateway: every resource, every form, every refusal."""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    EdgeClient,
    GatewayProcess,
    Process,
    ecg_frame,
    gateway_toml,
    hr_frame,
    needs,
    random_boot,
    running_broker,
    running_gateway,
    wait_for,
)
from vointi_gateway.api.access import RULES

pytestmark = pytest.mark.network

FRAMES = 200
STEP_US = 73e6 / 130


class World:
    """A gateway that has some minutes of one strap, and the edge that sent them."""

    def __init__(self, broker: Process, gateway: GatewayProcess, edge: EdgeClient) -> None:
        self.broker, self.gateway, self.edge = broker, gateway, edge
        self.boot = random_boot()
        self.start_us = time.time_ns() // 1000 - 120_000_000
        self.frames = [
            ecg_frame(s, boot=self.boot, wall_us=self.start_us + round((s - 1) * STEP_US))
            for s in range(1, FRAMES + 1)
        ]

    def fill(self) -> None:
        self.edge.announce()
        for i in range(0, FRAMES, 50):
            self.edge.send(*self.frames[i : i + 50])
        self.edge.send(hr_frame(FRAMES + 1, 62, boot=self.boot, wall_us=self.start_us))
        wait_for(lambda: self.gateway.counts()["stored"] == FRAMES + 1)

    def series(self, accept: str = "application/json", **query: Any) -> httpx.Response:
        base = {
            "device": f"{EDGE}.{DEVICE}",
            "metric": "ecg",
            "from": str(self.start_us / 1e6),
            "to": "-0s",
        }
        return self.gateway.get("/series", params=base | query, headers={"accept": accept})


@pytest.fixture(scope="module")
def world(module_tmp: Path) -> Iterator[World]:
    kind = "mosquitto"
    needs(kind)
    with ExitStack() as stack:
        broker = stack.enter_context(running_broker(module_tmp, kind))
        config = gateway_toml(module_tmp, broker.port)
        gateway = stack.enter_context(running_gateway(module_tmp, config)).connected()
        world = World(broker, gateway, stack.enter_context(EdgeClient(broker.port)))
        world.fill()
        yield world


def test_health_says_it_all(world: World) -> None:
    health = world.gateway.health()
    assert health["status"] == "ok"
    assert health["store"] == {"backend": "embedded", "ok": True}
    assert health["broker"] == {"connected": True}
    assert health["uptime_s"] > 0
    assert health["version"]
    assert {e["edge"] for e in health["edges"]} == {"edge-1", "edge-2"}
    assert health["commit_ms"]["p50"] > 0


def test_raw_is_every_sample_in_three_forms(world: World) -> None:
    expected = np.concatenate([f.channels[0].physical() for f in world.frames]).tolist()
    as_json = world.series().json()
    assert as_json["value"] == expected
    assert as_json["unit"] == "uV"
    assert len(as_json["t_us"]) == len(as_json["quality"]) == len(as_json["seq"]) == len(expected)
    text = world.series("text/csv")
    assert text.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(text.text)))
    assert [float(row["value"]) for row in rows] == expected
    assert list(rows[0]) == ["t_us", "value", "quality", "seq"]
    arrow = world.series("application/vnd.apache.arrow.stream")
    table = pa.ipc.open_stream(arrow.content).read_all()
    assert table.column("value").to_pylist() == expected
    assert table.column("t_us").to_pylist() == as_json["t_us"]
    assert table.schema.metadata[b"unit"] == b"uV"


def test_windows(world: World) -> None:
    found = world.series(resolution="1m").json()
    assert set(found) == {
        *("device", "metric", "unit", "resolution", "t_us", "n", "mean", "min", "max"),
        "source",
    }
    assert found["source"] in {"raw", "1m", "mixed"}
    assert sum(found["n"]) == FRAMES * 73
    assert all(t % 60_000_000 == 0 for t in found["t_us"])
    rows = list(csv.DictReader(io.StringIO(world.series("text/csv", resolution="60s").text)))
    assert [int(row["n"]) for row in rows] == found["n"]


def test_the_default_is_the_last_minute(world: World) -> None:
    query = {"device": f"{EDGE}.{DEVICE}", "metric": "ecg"}
    found = world.gateway.get("/series", params=query).json()
    now_us = time.time_ns() / 1000
    assert found["t_us"]
    assert now_us - 65_000_000 < found["t_us"][0]


@pytest.mark.parametrize(
    ("query", "status", "field", "words"),
    [
        ({"metric": "egc"}, 422, "metric", "did you mean ecg"),
        ({"metric": "spo2"}, 404, "metric", "has no spo2"),
        ({"device": "nobody.here"}, 404, "metric", "nobody.here has no ecg"),
        ({"from": "tomorrow"}, 422, "from", "RFC 3339"),
        ({"to": "2020-01-01T00:00:00Z"}, 422, "to", "not after from"),
        ({"resolution": "fast"}, 422, "resolution", "use raw"),
        ({"resolution": "1s", "from": "0"}, 422, "resolution", "more than 50000 windows"),
        ({"metric": "x" * 65}, 422, "metric", "at most 64"),
        ({"device": "'; DROP TABLE segment; --"}, 404, "metric", "has no ecg"),
    ],
)
def test_a_refusal_names_field_and_fix(
    world: World, query: dict[str, str], status: int, field: str, words: str
) -> None:
    answer = world.series(**query)
    assert answer.status_code == status
    assert answer.json()["field"] == field
    assert words in answer.json()["fix"]
    assert "Traceback" not in answer.text


def test_a_missing_parameter_is_named(world: World) -> None:
    answer = world.gateway.get("/series", params={"metric": "ecg"})
    assert answer.status_code == 422
    assert answer.json()["field"] == "device"


def test_an_unknown_form_is_406(world: World) -> None:
    answer = world.series("image/png")
    assert answer.status_code == 406
    assert answer.json()["field"] == "Accept"


@pytest.mark.parametrize("path", ["/api/v1/health", "/api/v1/none", "/none", "/"])
def test_security_headers_are_on_every_answer(world: World, path: str) -> None:
    headers = httpx.get(world.gateway.url + path).headers
    csp = headers["content-security-policy"]
    assert "unsafe" not in csp
    assert "http" not in csp
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_the_document_lists_every_route_and_loads_nothing_from_elsewhere(world: World) -> None:
    document = world.gateway.get("/openapi.json").json()
    listed = {(m.upper(), path) for path, methods in document["paths"].items() for m in methods}
    ruled = {(r.method, r.path) for r in RULES if r.path.startswith("/api/")}
    assert listed == ruled - {("GET", "/api/v1/openapi.json")}
    for methods in document["paths"].values():
        for operation in methods.values():
            assert operation["summary"]
            assert {"200", "201", "202", "204"} & set(operation["responses"])
    for page in ("/docs", "/redoc", "/api/v1/docs"):
        assert httpx.get(world.gateway.url + page).status_code == 404
    assert httpx.post(world.gateway.url + "/api/v1/health").status_code == 405


class Stream:
    """Server-sent events of one connection, read by a thread."""

    def __init__(self, url: str) -> None:
        self.events: list[tuple[str, str, float]] = []
        self.ended = threading.Event()
        self._client = httpx.Client(timeout=30)
        self._thread = threading.Thread(target=self._read, args=(url,))
        self._thread.start()

    def _read(self, url: str) -> None:
        name = ""
        try:
            with self._client.stream("GET", url) as answer:
                for line in answer.iter_lines():
                    if line.startswith("event: "):
                        name = line[7:]
                    elif line.startswith("data: "):
                        self.events.append((name, line[6:], time.monotonic()))
        except httpx.HTTPError:
            pass
        self.ended.set()

    def named(self, name: str) -> list[str]:
        return [data for n, data, _ in self.events if n == name]

    def close(self) -> None:
        self._client.close()
        self._thread.join(20)


def test_live_pushes_readings_states_and_counts(world: World) -> None:
    stream = Stream(world.gateway.url + "/api/v1/live?pilot=pilot-a")
    other = Stream(world.gateway.url + "/api/v1/live?pilot=pilot-b")
    try:
        wait_for(lambda: stream.named("health") and other.named("health"))
        assert stream.named("status")
        frame = ecg_frame(1, boot=random_boot(), wall_us=time.time_ns() // 1000 - 561_000)
        sent = time.monotonic()
        world.edge.send(frame)
        wait_for(lambda: stream.named("reading"), step_s=0.002)
        assert next(at for n, _, at in stream.events if n == "reading") - sent < 1.0
        reading = httpx.Response(200, text=stream.named("reading")[0]).json()
        assert reading["device"] == f"{EDGE}.{DEVICE}"
        assert reading["person"] == "p-7f3a"
        assert reading["t_us"] == frame.wall_us
        assert reading["channels"][0]["values"] == frame.channels[0].physical().tolist()
        assert reading["channels"][0]["unit"] == "uV"
        assert reading["offsets_us"] is None
        wait_for(lambda: len(stream.named("health")) >= 3)
        assert other.named("reading") == []
        world.edge.announce()
        wait_for(lambda: any('"link":"connected"' in s for s in stream.named("status")))
    finally:
        stream.close()
        other.close()


def test_a_stop_ends_open_streams_quickly(world: World, module_tmp: Path) -> None:
    """Last in the file: it stops this module's gateway."""
    streams = [Stream(world.gateway.url + "/api/v1/live") for _ in range(5)]
    wait_for(lambda: all(s.named("health") for s in streams))
    code, took = world.gateway.terminate()
    assert code == 0
    assert took < 10, "a heartbeat's time; open streams alone would take for ever"
    for stream in streams:
        assert stream.ended.wait(5)
        stream.close()
    assert "Traceback" not in world.gateway.log()
    assert "stack=" not in world.gateway.log()
