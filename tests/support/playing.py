"""Plays a recording through strap, radio, edge, broker and gateway, and reads it back."""

from __future__ import annotations

import contextlib
import json
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running_demo import free_port, wait_for
from vointi_demo.layout import Layout, Ports
from vointi_demo.process import Child
from vointi_demo.supervisor import program


@dataclass
class Played:
    """A chain that has stored a recording; its gateway still answers."""

    port: int
    children: list[Child]

    def get(self, path: str, accept: str = "application/json") -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", headers={"Accept": accept}
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            body = response.read()
        return json.loads(body) if accept.endswith("json") else body

    def series(self, device: str, metric: str, begin_s: float, end_s: float) -> dict[str, Any]:
        """Every raw value in the range, fetched in spans that the API's bounds allow."""
        merged: dict[str, Any] = {"t_us": [], "value": [], "seq": []}
        start = begin_s
        while start < end_s:
            stop = min(start + 300.0, end_s)
            query = urllib.parse.urlencode(
                {"device": device, "metric": metric, "from": repr(start), "to": repr(stop)}
            )
            part = self.get(f"/api/v1/series?{query}")
            for name in merged:
                merged[name] += part[name]
            start = stop
        return merged

    def said(self) -> str:
        return "\n".join(
            f"--- {one.name}\n{one.log.read_text(errors='replace')[-1500:]}"
            for one in self.children
            if one.log.exists()
        )


@contextlib.contextmanager
def playing(
    folder: Path, record: Path, speed: float, seconds: float | None = None
) -> Iterator[Played]:
    """Start the chain on ``record``; the caller waits for what it needs."""
    ports = Ports(page=free_port(), broker=free_port(), home_radio=free_port(), point_radio=0)
    layout = Layout(folder / "play", "127.0.0.1", ports, "3.1.1")
    layout.write()
    config = layout.root / "home-1.toml"
    head, _, _ = config.read_text().partition("[[device]]")
    config.write_text(
        head.replace('trust = "system"', f'trust = "system"\nspeed = {float(speed)}')
        + '[[device]]\nid = "strap-1"\nmodel = "polar-h10"\n'
        + 'address = "C0:DE:00:00:00:01"\nperson = "p-7f3a"\n'
    )
    root = layout.root
    commands = {
        "broker": [
            program("vointi-broker"), "--port", str(ports.broker), "--data", str(root / "broker"),
            "--users", str(root / "secrets" / "users.json"),
        ],
        "gateway": [program("vointi-gateway"), "serve", "--config", str(root / "gateway.toml")],
        "edge": [program("vointi-edge"), "run", "--config", str(config)],
        "player": [
            program("vointi-sim"), "play", str(record),
            "--hci", f"tcp-server:127.0.0.1:{ports.home_radio}", "--speed", str(speed),
            *(["--seconds", str(seconds)] if seconds else []),
        ],
    }  # fmt: skip
    children = [Child(name, line, layout.logs / f"{name}.log") for name, line in commands.items()]
    played = Played(ports.page, children)
    try:
        for child in children:
            child.start()
        yield played
    finally:
        for child in reversed(children):
            child.stop(10)


def wait_until_stored(played: Played, samples: int, timeout_s: float) -> dict[str, Any]:
    """Wait until ``samples`` ECG values are in the store and return the whole series."""

    def complete() -> dict[str, Any]:
        last_s = last_ecg_s(played)
        if last_s is None:
            return {}
        # no recording here is sampled below 100 Hz: this span holds it whole
        begin_s = last_s - samples / 100 - 60
        latest = played.series("home-1.strap-1", "ecg", last_s - 1, last_s + 60)
        if latest["t_us"] and max(latest["t_us"]) / 1e6 > last_s + 0.01:
            return {}  # still arriving
        series = played.series("home-1.strap-1", "ecg", begin_s, last_s + 60)
        return series if len(series["value"]) >= samples else {}

    return wait_for(complete, timeout_s, f"{samples} samples stored\n{played.said()}", pause_s=2.0)


def last_ecg_s(played: Played) -> float | None:
    """UTC seconds of the newest ECG sample in the store, None before the first."""
    try:
        rows = played.get("/api/v1/devices")
    except OSError:
        return None
    newest = [
        metric["last_us"]
        for row in rows
        for stream in row["streams"]
        for metric in stream["metrics"]
        if metric["name"] == "ecg" and metric["last_us"]
    ]
    return max(newest) / 1e6 if newest else None
