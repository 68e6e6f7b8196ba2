"""Whether a device of edge.toml is where its catalogue model can be found."""

from __future__ import annotations

from vointi_edge.catalogue import Model
from vointi_edge.catalogue_wired import GPIO_LINES
from vointi_edge.config import DeviceConfig

_KEY_OF = {
    "ble-gatt": "address",
    "ble-adv": "address",
    "serial": "path",
    "iio": "iio",
    "gpio": "gpio",
    "http": "url",
    "mqtt": "topic",
}


def placing_problem(device: DeviceConfig, model: Model) -> tuple[str, str] | None:
    """Return (key, fix) for the first thing wrong, or None."""
    wanted = _KEY_OF[model.transport]
    place = device.place
    given = {"address": device.address, "path": device.path, "iio": place.iio, "gpio": place.gpio}
    given |= {"url": place.url, "topic": place.topic}
    if not given[wanted]:
        return wanted, f"is missing; {model.model} is found by its {wanted}"
    if model.transport == "gpio":
        return _lines_problem(device, model)
    return None


def _lines_problem(device: DeviceConfig, model: Model) -> tuple[str, str] | None:
    decoder = model.streams[0].decoder
    names, lines = GPIO_LINES[decoder], device.place.lines
    unknown = sorted(set(lines) - set(names))
    if unknown:
        return f"lines.{unknown[0]}", f"{model.model} has no such line; use {', '.join(names)}"
    # Of the buttons there may be fewer; half a pair of beams counts nothing.
    missing = [name for name in names if name not in lines and decoder != "buttons"]
    if missing or not lines:
        wanted = ", ".join(missing or names)
        return "lines", f"lacks {wanted}; write lines = {{ {names[0]} = 17, … }}"
    if len(device.labels) > len(lines):
        return "labels", f"names {len(device.labels)} buttons, but lines has {len(lines)}"
    return None
