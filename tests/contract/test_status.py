"""JSON of the status topics: exact round trips, errors that name the field."""

from __future__ import annotations

import json
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from vointi_contract import golden
from vointi_contract.command import Command, CommandResult
from vointi_contract.errors import ContractError, PayloadError
from vointi_contract.policy import CollectionPolicy
from vointi_contract.status import (
    Birth,
    ClockAnchor,
    DeviceInfo,
    DeviceStatus,
    EdgeStatus,
    StreamInfo,
)


class Readable(Protocol):
    def to_json(self) -> bytes: ...

    @classmethod
    def from_json(cls, payload: bytes | str) -> Any: ...


CLASSES: dict[str, type[Readable]] = {
    "birth": Birth,
    "status": EdgeStatus,
    "clock": ClockAnchor,
    "policy": CollectionPolicy,
    "command": Command,
    "result": CommandResult,
}
TEXTS = {case.name: json.loads(case.payload) for case in golden.texts()}


def read(name: str, value: object) -> object:
    return CLASSES[name].from_json(json.dumps(value))


def spoilt(name: str, path: str, value: object) -> object:
    copy = json.loads(json.dumps(TEXTS[name]))
    *way, last = path.replace("[", ".[").split(".")
    target = copy
    for step in way:
        target = target[int(step[1:-1])] if step.startswith("[") else target[step]
    target[int(last[1:-1]) if last.startswith("[") else last] = value
    return copy


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_numbers_and_names_survive(name: str) -> None:
    message = read(name, TEXTS[name])
    assert CLASSES[name].from_json(message.to_json()) == message  # type: ignore[attr-defined]


def test_text_and_bytes_are_the_same() -> None:
    payload = json.dumps(TEXTS["birth"])
    assert Birth.from_json(payload) == Birth.from_json(payload.encode())


def test_unknown_keys_of_a_newer_sender_are_ignored() -> None:
    assert read("status", {**TEXTS["status"], "mood": "fine"}) == read("status", TEXTS["status"])


def test_a_boot_id_is_exact_in_every_reader() -> None:
    anchor = ClockAnchor.from_json(json.dumps({**TEXTS["clock"], "boot": "ffffffffffffffff"}))
    assert anchor.boot == 2**64 - 1
    assert json.loads(anchor.to_json())["boot"] == "ffffffffffffffff"


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("birth", "edge", "Home 1"),
        ("birth", "boot", 12),
        ("birth", "boot", "0000000000000000"),
        ("birth", "boot", "00ff"),
        ("birth", "boot", "zzzzzzzzzzzzzzzz"),
        ("birth", "version", "1\n2"),
        ("birth", "version", "x" * 65),
        ("birth", "role", "garage"),
        ("birth", "devices", {}),
        ("birth", "devices[0]", 3),
        ("birth", "devices[0].person", "Firstname Lastname"),
        ("birth", "devices[0].kind", None),
        ("birth", "devices[0].streams[1].rate_hz", -1),
        ("birth", "devices[0].streams[1].rate_hz", "130"),
        ("birth", "devices[0].streams[1].rate_hz", True),
        ("birth", "devices[0].streams[1].metrics[1]", 7),
        ("birth", "devices[0].streams[1].class", "wave"),
        ("status", "online", 1),
        ("status", "mono_us", -1),
        ("status", "mono_us", 1.5),
        ("status", "mono_us", True),
        ("status", "wall_us", 2**60),
        ("status", "outbox", None),
        ("status", "outbox.lost", -3),
        ("status", "devices[0].link", "up"),
        ("status", "devices[1].rssi_dbm", 127),
        ("status", "devices[1].battery_pct", 101),
        ("status", "devices[1].note", ["x"]),
        ("clock", "clock", "sundial"),
        ("clock", "uncertainty_us", None),
        ("policy", "version", 0),
        ("policy", "entries[0].device", "Strap 1"),
        ("policy", "entries[0].class", "waveform"),
        ("policy", "entries[0].paused", 0),
        ("policy", "entries[0].streams", "*"),
        ("policy", "entries[1].streams", ["ecg", "*"]),
        ("policy", "entries[1].streams", ["ECG"]),
        ("command", "number", 0),
        ("command", "kind", "reboot"),
        ("command", "arguments", []),
        ("result", "outcome", "maybe"),
        ("result", "reason", "a\nb"),
    ],
)
def test_a_wrong_value_is_named_by_its_path(name: str, path: str, value: object) -> None:
    with pytest.raises(PayloadError) as caught:
        read(name, spoilt(name, path, value))
    assert caught.value.field == path
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_a_missing_field_is_named(name: str) -> None:
    for key in TEXTS[name]:
        if key == "wall_us" and name == "status":
            continue
        rest = {other: value for other, value in TEXTS[name].items() if other != key}
        with pytest.raises(PayloadError, match=f"^{key}: missing"):
            read(name, rest)


def test_a_wall_clock_may_be_unknown() -> None:
    for value in ({**TEXTS["status"], "wall_us": None}, TEXTS["status"]):
        assert isinstance(read("status", value), EdgeStatus)
    without = {key: value for key, value in TEXTS["status"].items() if key != "wall_us"}
    assert EdgeStatus.from_json(json.dumps(without)).wall_us is None


@pytest.mark.parametrize(
    "payload",
    [b"", b"{", b"[]", b"3", b"null", b"\xff\xfe{}", b'{"a":NaN}', b"[" * 60_000, b" " * 70_000],
    ids=range(9),
)
def test_what_is_no_object_is_refused(payload: bytes) -> None:
    for message in CLASSES.values():
        with pytest.raises(PayloadError, match="payload"):
            message.from_json(payload)


@settings(max_examples=200)
@given(st.sampled_from(sorted(CLASSES)), st.data())
def test_spoilt_texts_raise_nothing_else(name: str, data: st.DataObject) -> None:
    payload = bytearray(json.dumps(TEXTS[name]).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = CLASSES[name].from_json(bytes(payload))
    except ContractError as error:
        assert str(error)
    else:
        again = CLASSES[name].from_json(message.to_json())
        assert again.to_json() == message.to_json()  # a policy sorts its entries


def test_the_buttons_of_a_panel_have_the_pilots_names() -> None:
    stream = StreamInfo("feedback", ("feedback",), 0.0, "event")
    panel = DeviceInfo("panel-1", "gpio-feedback", "service_point", None, (stream,), ("Hyvä", "Ei"))
    birth = Birth("point-1", 1, "1", "point-1", "service_point", (panel,))
    assert Birth.from_json(birth.to_json()) == birth
    many = birth.to_json().replace(b'["Hyv', b'["a","b","c","d","Hyv')
    with pytest.raises(PayloadError, match=r"devices\[0\].labels"):
        Birth.from_json(many)


def test_a_number_that_is_none_is_not_sent() -> None:
    stream = StreamInfo("ecg", ("ecg",), float("nan"), "waveform")
    device = DeviceInfo("strap-1", "polar-h10", "wearable", None, (stream,))
    with pytest.raises(ValueError, match="JSON"):
        Birth("home-1", 1, "1", "home-1", "home", (device,)).to_json()


def test_the_note_may_be_left_out_when_building() -> None:
    assert DeviceStatus("strap-1", "lost", None, None).note == ""
