"""Write docs/integrators/supported-devices.md from the catalogue and its captures.

.venv/bin/python tools/supported_devices.py
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from vointi_edge.catalogue import Model, load_catalogue

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "integrators" / "supported-devices.md"
_TRANSPORTS = {
    "ble-gatt": "Bluetooth LE, connected",
    "ble-adv": "Bluetooth LE, advertisements",
    "serial": "serial line",
    "iio": "kernel driver (IIO)",
    "gpio": "GPIO lines",
    "http": "HTTP, asked",
    "mqtt": "local MQTT broker",
}
_HEAD = """\
# Supported devices

A device is supported when it has a file in `hardware/catalogue` and captures in `tests/captures`
(what it or its kernel driver says, and what that means). This page is made from them by
`.venv/bin/python tools/supported_devices.py`; a test fails when it is not current.

To add one: write both files, run that command, run `make test`. No code is needed where a decoder
of `vointi_edge.decoders` fits.

A stream that is off by default runs where `enable = ["its id"]` stands in the device's table of
`edge.toml`. An encrypted BTHome sensor needs `key_file` there: a file with its 32 hex digits.

| device | model | way | streams (metrics) | captures |
|---|---|---|---|---|
"""


def page(root: Path = ROOT) -> str:
    """Return the page's text."""
    models = load_catalogue(root / "hardware" / "catalogue")
    rows = [_row(model, root / "tests" / "captures") for model in models.values()]
    return _HEAD + "\n".join(rows) + "\n"


def _row(model: Model, captures: Path) -> str:
    streams = [
        f"{spec.id} ({', '.join(spec.metrics)}{'' if spec.enabled else '; off by default'})"
        for spec in model.streams
    ]
    streams += [f"{spec.output} ({', '.join(spec.metrics)}; computed)" for spec in model.pipelines]
    capture = tomllib.loads((captures / f"{model.model}.toml").read_text(encoding="utf-8"))
    proof = f"{len(capture['capture'])}: {capture['source']}"
    way = _TRANSPORTS[model.transport]
    if model.visit_every_s:
        way = f"Bluetooth LE, read every {model.visit_every_s / 60:g} minutes"
    return f"| {model.name} ({model.manufacturer}) | `{model.model}` | {way} | " + (
        f"{'; '.join(streams)} | {proof} |"
    )


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), encoding="utf-8")
