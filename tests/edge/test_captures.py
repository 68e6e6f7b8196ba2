"""A supported device is a catalogue file plus captures: bytes in, expected readings out."""

from __future__ import annotations

import binascii
import importlib.util
import tomllib
from pathlib import Path
from typing import Any

import pytest
from edge_parts import ROOT, models
from vointi_contract.frame import Channel, Quality
from vointi_contract.metrics import by_code
from vointi_edge import decoders
from vointi_edge.catalogue import Model, StreamSpec
from vointi_edge.decoders.service_point import box_line

CAPTURES = ROOT / "tests" / "captures"
MODELS = models()


def captures() -> list[Any]:
    cases = []
    for file in sorted(CAPTURES.glob("*.toml")):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        for capture in content["capture"]:
            name = f"{content['model']}-{capture['stream']}-{capture['what']}"
            cases.append(pytest.param(content["model"], capture, id=name))
    return cases


def wanted(spec: StreamSpec, channels: tuple[Channel, ...]) -> dict[str, list[float]]:
    named = {by_code(one.metric).name: one.physical().tolist() for one in channels}
    return {name: values for name, values in named.items() if name in spec.metrics}


@pytest.mark.parametrize(("model", "capture"), captures())
def test_capture(model: str, capture: dict[str, Any]) -> None:
    spec = next(one for one in MODELS[model].streams if one.id == capture["stream"])
    if spec.measurement:
        frame = decoders.PMD[spec.decoder](bytes.fromhex(capture["bytes"]))
        found = {name: frame.samples[:, n].tolist() for n, name in enumerate(spec.metrics)}
        assert frame.last_ts_ns == capture["last_ts_ns"]
        assert found == capture["expect"]
        return
    if "line" in capture:
        text = capture["line"].encode()
        line = text + b"*%04X" % binascii.crc_hqx(text, 0xFFFF)
        decoded = decoders.SERIAL[spec.decoder](box_line(line))
    else:
        table = decoders.ADVERTISEMENT | decoders.GATT
        decoded = table[spec.decoder](bytes.fromhex(capture["bytes"]))
    found = wanted(spec, decoded.channels)
    assert found.keys() == capture["expect"].keys()
    for name, values in capture["expect"].items():
        assert found[name] == pytest.approx(values, abs=1e-9)
    assert decoded.quality == Quality[capture.get("quality", "OK")]
    assert decoded.repeat_key == capture.get("repeat_key")


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_every_stream_of_every_model_has_a_capture(model: Model) -> None:
    content = tomllib.loads((CAPTURES / f"{model.model}.toml").read_text(encoding="utf-8"))
    assert content["model"] == model.model
    assert {one["stream"] for one in content["capture"]} == {spec.id for spec in model.streams}


def test_the_page_of_supported_devices_is_current() -> None:
    spec = importlib.util.spec_from_file_location("page", ROOT / "tools" / "supported_devices.py")
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = Path(tool.PAGE).read_text(encoding="utf-8")
    assert page == tool.page(), "run .venv/bin/python tools/supported_devices.py"
