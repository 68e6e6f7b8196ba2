"""A gateway's API with synthetic data, for fast tests of the pages alone.

Run as a program: `stand_in.py --port P [--empty]`. It prints a line when it listens.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI, Query
from fastapi.responses import JSONResponse, Response, StreamingResponse
from vointi_gateway.headers import SecurityHeaders
from vointi_gateway.ui.routes import build_router

FRAME = 73
RATE_HZ = 130.0
BEAT_S = 0.86

# device, kind, person, link, battery, {stream: [(metric, unit)]}
DEVICES: list[tuple[str, str, str | None, str, int | None, dict[str, list[tuple[str, str]]]]] = [
    (
        "home-1.strap-1", "wearable", "p-7f3a", "connected", 84,
        {"hr": [("heart_rate", "/min"), ("rr_interval", "ms")], "ecg": [("ecg", "uV")],
         "beats": [("beat", "uV")]},
    ),
    ("home-1.oximeter-1", "wearable", "p-7f3a", "connected", 61,
     {"spo2": [("spo2", "%"), ("pulse_rate", "/min")]}),
    ("home-1.thermometer-1", "wearable", "p-7f3a", "connected", 92,
     {"temperature": [("body_temperature", "Cel")]}),
    ("home-1.scale-1", "wearable", "p-7f3a", "lost", 18, {"weight": [("body_weight", "kg")]}),
    ("home-1.cuff-1", "wearable", "p-7f3a", "connecting", 77,
     {"bp": [("bp_systolic", "mm[Hg]"), ("bp_diastolic", "mm[Hg]")]}),
    ("home-1.room-1", "room", None, "advertising", None,
     {"air": [("room_temperature", "Cel"), ("room_humidity", "%"), ("air_pressure", "hPa")]}),
    (
        "point-1.box-1", "service_point", None, "connected", None,
        {"air": [("co2", "[ppm]"), ("room_temperature", "Cel"), ("room_humidity", "%")],
         "people": [("people_in", "1"), ("people_out", "1"), ("people_present", "1")],
         "feedback": [("feedback", "1")]},
    ),
    ("point-1.room-1", "room", None, "advertising", 88,
     {"air": [("room_temperature", "Cel"), ("room_humidity", "%")]}),
]  # fmt: skip


LABELS = ("Very good", "Good", "Poor", "Very poor")


@dataclass(frozen=True)
class Pilot:
    id: str
    name: str
    city: str
    kind: str


PILOTS = [
    Pilot("demo-home", "Home pilot (simulated)", "Espoo", "home"),
    Pilot("demo-service-point", "Service point pilot (simulated)", "Espoo", "service_point"),
]


def pilot_of(device: str) -> str:
    return PILOTS[0].id if device.startswith("home") else PILOTS[1].id


def ecg(t: float) -> float:
    """µV of a plausible trace: P, QRS and T as bells around the beat."""
    phase = (t % BEAT_S) - 0.3
    bells = ((-0.17, 0.026, 110), (-0.028, 0.010, -90), (0, 0.011, 1050), (0.03, 0.011, -220))
    value = sum(a * math.exp(-(((phase - m) / s) ** 2) / 2) for m, s, a in bells)
    value += 260 * math.exp(-(((phase - 0.25) / 0.05) ** 2) / 2)
    return round(value + 25 * math.sin(t * 1.4) + 9 * math.sin(t * 311))


LEVELS = {
    "heart_rate": 68, "spo2": 97, "pulse_rate": 69, "body_temperature": 36.6, "body_weight": 71.4,
    "bp_systolic": 122, "bp_diastolic": 78, "room_temperature": 21.4, "room_humidity": 34,
    "air_pressure": 1009, "co2": 640, "people_in": 42, "people_out": 35, "people_present": 7,
}  # fmt: skip
SWING = {"heart_rate": 6, "co2": 70, "room_temperature": 0.4, "room_humidity": 2}


def scalar(metric: str, device: str, t: float) -> float:
    shift = sum(map(ord, device)) % 7 / 5
    wave = math.sin(t / 70 + shift) + 0.3 * math.sin(t / 11 + shift)
    return round(LEVELS.get(metric, 1) + SWING.get(metric, 0) * (wave + shift / 2), 2)


class StandIn:
    def __init__(self, empty: bool) -> None:
        self.empty = empty
        self.count = 0
        self.started = time.time()

    def counts(self) -> dict[str, int]:
        return {"accepted": self.count + 2, "stored": self.count, "duplicates": 2,
                "quarantined": 0, "lost": 0}  # fmt: skip

    def devices(self, pilot: str | None) -> list[dict[str, Any]]:
        return [
            {
                "device": name, "edge": name.split(".")[0], "pilot": pilot_of(name),
                "model": name.split(".")[1].split("-")[0], "kind": kind, "person": person,
                "link": link, "rssi_dbm": -61 if battery else None, "battery_pct": battery,
                "streams": [
                    {"stream": stream, "class": "scalar", "rate_hz": 0,
                     "metrics": [{"name": m, "label": m, "unit": u, "last_us": 1}
                                 for m, u in metrics]}
                    for stream, metrics in streams.items()
                ],
                "labels": list(LABELS) if "feedback" in streams else [],
                "last_us": int(time.time() * 1e6),
            }
            for name, kind, person, link, battery, streams in DEVICES
            if not self.empty and pilot in (None, pilot_of(name))
        ]  # fmt: skip

    def series(self, device: str, metric: str, span: float) -> dict[str, Any]:
        now = time.time()
        step = {"ecg": 1 / RATE_HZ, "beat": BEAT_S, "feedback": 1900.0}.get(metric, 2.0)
        n = int(min(span, 21_600 if metric == "feedback" else 600) / step)
        times = [(math.floor(now / step) - n + i) * step for i in range(n + 1)]
        if metric == "body_weight":
            times = [self.started - 3000]
        if metric == "beat":
            times = [t + 0.3 for t in times[:-1]]
        if metric == "ecg":
            values = [ecg(t) for t in times]
        elif metric == "feedback":
            values = [int(t / step) * 7 % 11 % 4 + 1 for t in times]
        else:
            values = [scalar(metric, device, t) for t in times]
        return {
            "device": device, "metric": metric, "unit": unit_of(metric), "resolution": "raw",
            "t_us": [int(t * 1e6) for t in times], "value": values,
            "quality": [0] * len(times), "seq": list(range(len(times))),
        }  # fmt: skip

    def reading(self, device: str, stream: str, t: float, **more: Any) -> str:
        self.count += 1
        person = next(row[2] for row in DEVICES if row[0] == device)
        return event("reading", {
            "device": device, "pilot": pilot_of(device), "person": person, "stream": stream,
            "seq": self.count, "t_us": int(t * 1e6), "rate_hz": 0, "offsets_us": None,
            "quality": 0, **more,
        })  # fmt: skip

    def scalars(self, pilot: str | None, now: float) -> Iterator[str]:
        for device, _, _, link, _, streams in DEVICES:
            if link == "lost" or pilot not in (None, pilot_of(device)):
                continue
            for stream, metrics in streams.items():
                if stream in ("ecg", "beats", "feedback"):
                    continue
                yield self.reading(device, stream, now, channels=[
                    {"metric": m, "unit": u, "values": [scalar(m, device, now)]}
                    for m, u in metrics
                ])  # fmt: skip

    async def live(self, pilot: str | None) -> AsyncIterator[str]:
        sent = math.floor(time.time() * RATE_HZ / FRAME)
        second = 0
        while True:
            await asyncio.sleep(0.05)
            now = time.time()
            if int(now) != second:
                second = int(now)
                yield event("health", self.counts())
                if not self.empty:
                    for text in self.scalars(pilot, now):
                        yield text
            frame = math.floor(now * RATE_HZ / FRAME)
            if frame > sent and not self.empty and pilot in (None, "demo-home"):
                for text in self.heart(sent * FRAME / RATE_HZ):
                    yield text
                sent += 1

    def heart(self, start: float) -> Iterator[str]:
        values = [ecg(start + i / RATE_HZ) for i in range(FRAME)]
        channel = {"metric": "ecg", "unit": "uV", "values": values}
        yield self.reading("home-1.strap-1", "ecg", start, rate_hz=RATE_HZ, channels=[channel])
        first = math.ceil((start - 0.3) / BEAT_S) * BEAT_S + 0.3
        if first < start + FRAME / RATE_HZ:
            beat = {"metric": "beat", "unit": "uV", "values": [1050]}
            yield self.reading("home-1.strap-1", "beats", first, offsets_us=[0], channels=[beat])


def unit_of(metric: str) -> str:
    return next(u for row in DEVICES for ms in row[5].values() for m, u in ms if m == metric)


def event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def create_app(empty: bool = False) -> FastAPI:
    stand_in = StandIn(empty)
    app = FastAPI()
    app.add_middleware(SecurityHeaders)
    app.include_router(build_router(PILOTS, version="0.0-test"))

    @app.get("/api/v1/pilots")
    def pilots() -> list[dict[str, Any]]:
        return [
            {"id": p.id, "name": p.name, "city": p.city, "kind": p.kind, "edges": [],
             "people": ["p-7f3a"] if p.kind == "home" and not empty else [], "devices": 1}
            for p in PILOTS
        ]  # fmt: skip

    @app.get("/api/v1/devices")
    def devices(pilot: str | None = None) -> list[dict[str, Any]]:
        return stand_in.devices(pilot)

    @app.get("/api/v1/series")
    def series_of(device: str, metric: str, start: str = Query("-60s", alias="from")) -> Response:
        return JSONResponse(stand_in.series(device, metric, float(start.strip("-s"))))

    @app.get("/api/v1/live")
    def live(pilot: str | None = None) -> StreamingResponse:
        return StreamingResponse(stand_in.live(pilot), media_type="text/event-stream")

    return app


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--empty", action="store_true")
    args = parser.parse_args()
    config = uvicorn.Config(
        create_app(args.empty), port=args.port, log_level="warning", timeout_graceful_shutdown=1
    )
    print("ready", flush=True)
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
