"""Several requests at a time: all are answered before anything is said; readings leave whole."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from gateway_kit import EDGE, PILOT, T0_US, ecg_frame
from vointi_contract.frame import Frame
from vointi_gateway.errors import StoreError, UnstorableError
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.store.influx import sending
from vointi_gateway.store.influx.buffer import LineBuffer
from vointi_gateway.store.influx.sending import Sender, bodies
from vointi_gateway.store.model import StoredReading

_SETTINGS = InfluxSettings("http://127.0.0.1", "b", raw_waveforms=("*",), connections=3)


class _Client:
    """Takes lines as InfluxDB would; `say` may raise."""

    def __init__(self, say: Callable[[bytes], None] = lambda _: None) -> None:
        self.settings, self.capabilities, self.say = _SETTINGS, SimpleNamespace(), say
        self.came: list[tuple[bytes, str]] = []

    def write(self, body: bytes, policy: str = "") -> None:
        self.say(body)
        self.came.append((body, policy))


def _sender(client: _Client) -> Sender:
    return Sender(client)  # type: ignore[arg-type]


def _readings(*frames: Frame) -> list[StoredReading]:
    return [StoredReading(PILOT, EDGE, frame, T0_US) for frame in frames]


def _lines(n: int) -> Any:
    buffer = LineBuffer()
    buffer.add(b"m v=", b"", np.arange(float(n)), np.arange(n))
    return buffer


def test_pieces_are_whole_lines_and_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BODY_BYTES", 50)
    whole = _lines(100).take()
    parts = list(bodies(_lines(100)))
    assert b"".join(parts) == whole
    assert all(len(part) <= 50 and part.endswith(b"\n") for part in parts)
    assert list(bodies(_lines(0))) == []


def test_requests_are_under_way_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits for the two others: one after the other, none would ever be answered."""
    monkeypatch.setattr(sending, "BODY_BYTES", 50)
    meeting = threading.Barrier(3)
    client = _Client(lambda _: (meeting.wait(60), None)[1])
    sender = _sender(client)
    with sender.parcel() as parcel:
        parcel.put(_lines(15), "")
    sender.close()
    assert len(client.came) == 3


def test_nothing_is_raised_before_all_have_answered_and_trouble_comes_first() -> None:
    second = threading.Event()
    answered = []

    def say(body: bytes) -> None:
        if body.startswith(b"bad"):
            raise UnstorableError("bad")
        if body.startswith(b"down"):
            second.set()
            raise StoreError("down")
        assert second.wait(60)
        answered.append(body)

    sender = _sender(_Client(say))
    with pytest.raises(StoreError, match="down"), sender.parcel() as parcel:
        for text in (b"bad", b"down", b"fine"):
            parcel.put(SimpleNamespace(take=lambda text=text: text + b" v=1 1\n"), "")  # type: ignore[arg-type]
    assert answered == [b"fine v=1 1\n"]
    with pytest.raises(UnstorableError, match="bad"), sender.parcel() as parcel:
        parcel.put(SimpleNamespace(take=lambda: b"bad v=1 1\n"), "")  # type: ignore[arg-type]
    sender.close()


def test_what_cannot_be_encoded_leaves_nothing_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "BODY_BYTES", 1000)
    client = _Client()
    sender = _sender(client)
    good = [ecg_frame(seq, wall_us=T0_US + seq) for seq in (1, 2)]
    late = replace(ecg_frame(3), wall_us=2**62)
    with pytest.raises(UnstorableError, match="cannot hold a value"):
        sender.write(_readings(*good, late))
    sender.close()
    assert {b"seq=1i" in body for body, policy in client.came if policy == ""} == {True, False}
    assert sum(body.count(b"\n") for body, policy in client.came if policy) == 2 * 73
    assert not any(b"seq=3i" in body for body, _ in client.came)
