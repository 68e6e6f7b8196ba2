"""What happens, as live events: a committed reading, the state of an edge."""

from __future__ import annotations

import json

import numpy as np
from vointi_contract.frame import Frame
from vointi_contract.metrics import by_code

from .fleet import Fleet
from .frames import span_us
from .live import Event
from .store.model import StoredReading

#: Digits after the point: finer than any sensor here, and half the bytes of a full float.
DECIMALS = 4


def reading_event(reading: StoredReading) -> Event:
    """The event of one reading; physical values, rounded for display."""
    f = reading.frame
    document = {
        "device": reading.device,
        "pilot": reading.pilot,
        "person": reading.person,
        "stream": f.stream,
        "seq": f.seq,
        "t_us": f.wall_us,
        "rate_hz": f.rate_hz,
        "offsets_us": f.offsets_us,
        "quality": int(f.quality),
        "channels": [
            {
                "metric": (metric := by_code(channel.metric)).name,
                "unit": metric.unit,
                "values": np.round(channel.physical(), DECIMALS).tolist(),
            }
            for channel in f.channels
        ],
    }
    data = json.dumps(document, separators=(",", ":"), allow_nan=False)
    return Event("reading", data, reading.pilot, reading.device, reading.purposes, reading.person)


def last_sample_us(frame: Frame) -> int | None:
    """UTC µs of a frame's last sample, or None when its clock is unknown."""
    if frame.wall_us is None:
        return None
    return frame.wall_us + span_us(frame)


def status_event(fleet: Fleet, edge: str) -> Event:
    """The link states of one edge as a live event."""
    view = fleet.edge(edge)
    devices = view.status.devices if view and view.status else ()
    document = {
        "edge": edge,
        "online": bool(view and view.online),
        "devices": [
            {
                "device": f"{edge}.{d.device}",
                "link": d.link,
                "rssi_dbm": d.rssi_dbm,
                "battery_pct": d.battery_pct,
            }
            for d in devices
        ],
    }
    return Event("status", json.dumps(document, separators=(",", ":")), view.pilot if view else "")
