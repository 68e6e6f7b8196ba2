"""A supported device is a catalogue file plus captures: bytes in, expected readings out."""

from __future__ import annotations

import binascii
import importlib.util
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import wired_captures
from edge_parts import ROOT, models
from vointi_contract.frame import Channel, Quality
from vointi_contract.metrics import by_code
from vointi_edge import decoders
from vointi_edge.catalogue import Model, StreamSpec
from vointi_edge.decoders.service_point import box_line
from vointi_edge.decoders.values import Decoded
from vointi_edge.decoders.waveform import RawFrame
from vointi_edge.errors import DecodeError

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


def decode(spec: StreamSpec, capture: dict[str, Any]) -> RawFrame | Decoded:
    if "line" in capture:
        text = capture["line"].encode()
        line = text + b"*%04X" % binascii.crc_hqx(text, 0xFFFF)
        return decoders.SERIAL[spec.decoder](box_line(line))
    data = bytes.fromhex(capture["bytes"])
    if spec.resource:  # a notification: code and reference come before the content
        return decoders.GSP[spec.decoder][0](data[2:], spec.rate_hz)
    if spec.decoder in decoders.PMD:
        return decoders.PMD[spec.decoder](data, 1.0)
    return (decoders.ADVERTISEMENT | decoders.GATT | decoders.PMD_VALUES)[spec.decoder](data)


@pytest.mark.parametrize(("model", "capture"), captures())
def test_capture(model: str, capture: dict[str, Any]) -> None:
    spec = next(one for one in MODELS[model].streams if one.id == capture["stream"])
    if "error" in capture:
        with pytest.raises(DecodeError, match=capture["error"]):
            decode(spec, capture)
        return
    if wired_captures.is_wired(capture):
        wired = wired_captures.decoded(spec, capture)
        assert wired.keys() == capture["expect"].keys()
        for name, values in capture["expect"].items():
            assert wired[name] == pytest.approx(values, abs=1e-5)
        return
    decoded = decode(spec, capture)
    if isinstance(decoded, RawFrame):
        assert decoded.last_ts_ns == capture["last_ts_ns"]
        channels = decoded.channels(spec.metrics) if len(decoded.samples) else ()
    else:
        channels = decoded.channels
        assert decoded.quality == Quality[capture.get("quality", "OK")]
        assert decoded.repeat_key == capture.get("repeat_key")
        assert decoded.age_s == capture.get("age_s", 0)
        assert decoded.taken_s == taken_s(capture)
        assert list(decoded.offsets_us or ()) == capture.get("offsets_us", [])
    found = wanted(spec, channels)
    assert found.keys() == capture["expect"].keys()
    for name, values in capture["expect"].items():
        assert found[name] == pytest.approx(values, abs=1e-8)


def taken_s(capture: dict[str, Any]) -> float | None:
    if "taken" not in capture:
        return None
    return datetime.fromisoformat(capture["taken"]).replace(tzinfo=UTC).timestamp()


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
