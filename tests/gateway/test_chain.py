"""From an MQTT frame to the API, over both brokers and both protocols."""

from __future__ import annotations

import time

import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    OTHER_EDGE,
    PILOT,
    EdgeClient,
    GatewayProcess,
    Process,
    ecg_frame,
    hr_frame,
    payload,
    random_boot,
    wait_for,
)
from vointi_contract.ack import Watermark
from vointi_contract.frame import Loss
from vointi_contract.topics import EdgeTopics

pytestmark = pytest.mark.network

Chain = tuple[Process, GatewayProcess]


def _now_us() -> int:
    return time.time_ns() // 1000


def test_a_frame_is_stored_counted_marked_and_shown(chain: Chain) -> None:
    broker, gateway = chain
    boot, before, start = random_boot(), gateway.counts(), _now_us() - 5_000_000
    with EdgeClient(broker.port) as edge:
        edge.announce()
        frame = ecg_frame(1, wall_us=start, boot=boot)
        edge.send(frame, hr_frame(2, 61, wall_us=start, boot=boot))
        edge.send(frame)
        edge.send(hr_frame(4, 500, wall_us=start, boot=boot))
        edge.send(losses=(Loss(DEVICE, boot, 5, 7, "full"),))
        edge.publish(edge.topics.live(DEVICE), b"\x01poison" + boot.to_bytes(8, "big"))
        expected = Watermark(DEVICE, boot, 7, ((3, 3),))
        wait_for(lambda: edge.marks.get((DEVICE, boot)) == expected, timeout_s=5)
    after = gateway.counts()
    change = {name: after[name] - before[name] for name in after}
    assert change == {"accepted": 8, "stored": 2, "duplicates": 1, "quarantined": 2, "lost": 3}
    query = {"device": f"{EDGE}.{DEVICE}", "metric": "ecg", "from": str(start / 1e6), "to": "-0s"}
    found = gateway.get("/series", params=query).json()
    assert found["value"] == frame.channels[0].physical().tolist()
    assert set(found["seq"]) == {1}


def test_the_mark_comes_soon_and_again_when_the_edge_comes_back(chain: Chain) -> None:
    broker, _ = chain
    boot = random_boot()
    with EdgeClient(broker.port) as edge:
        edge.announce()
        time.sleep(1.2)
        edge.send(hr_frame(1, boot=boot, wall_us=_now_us()))
        wait_for(lambda: (DEVICE, boot) in edge.marks, step_s=0.005)
    with EdgeClient(broker.port) as edge:
        edge.announce()
        wait_for(lambda: (DEVICE, boot) in edge.marks, timeout_s=5)


def test_an_edge_cannot_speak_for_another_pilot_or_edge(chain: Chain) -> None:
    broker, gateway = chain
    before = gateway.counts()
    boot = random_boot()
    with EdgeClient(broker.port) as edge:
        data = payload(hr_frame(1, boot=boot, wall_us=_now_us()))
        edge.publish(EdgeTopics("pilot-b", EDGE).live(DEVICE), data)
        edge.publish(EdgeTopics(PILOT, OTHER_EDGE).live(DEVICE), data)
        wait_for(lambda: gateway.counts()["quarantined"] == before["quarantined"] + 1)
        time.sleep(0.3)
    assert gateway.counts()["accepted"] == before["accepted"] + 1


def test_the_fleet_is_known_from_births_and_states(chain: Chain) -> None:
    broker, gateway = chain
    with EdgeClient(broker.port) as edge:
        edge.announce()
        wait_for(lambda: gateway.get("/devices").json())
        wait_for(lambda: next(e for e in gateway.health()["edges"] if e["edge"] == EDGE)["online"])
    (device,) = gateway.get("/devices").json()
    assert device["device"] == f"{EDGE}.{DEVICE}"
    assert (device["link"], device["rssi_dbm"], device["battery_pct"]) == ("connected", -61, 88)
    assert device["person"] == "p-7f3a"
    stream = device["streams"][0]
    assert (stream["stream"], stream["class"], stream["rate_hz"]) == ("ecg", "waveform", 130.0)
    (metric,) = stream["metrics"]
    assert (metric["name"], metric["label"], metric["unit"]) == ("ecg", "ECG", "uV")
    assert gateway.get("/devices", params={"pilot": "pilot-b"}).json() == []
    pilots = gateway.get("/pilots").json()
    assert [(p["id"], p["devices"], p["people"]) for p in pilots] == [
        (PILOT, 1, ["p-7f3a"]),
        ("pilot-b", 0, []),
    ]
    found = next(e for e in gateway.health()["edges"] if e["edge"] == EDGE)
    assert found["outbox"] == {"accepted": 3, "pending": 1, "committed": 2, "lost": 0}


def test_malformed_status_documents_change_nothing(chain: Chain) -> None:
    broker, gateway = chain
    with EdgeClient(broker.port) as edge:
        edge.announce()
        for data in (b"{", b"[]", b"\xff\xfe", b'{"edge": 5}', b"x" * 5000):
            edge.publish(edge.topics.state, data)
            edge.publish(edge.topics.meta, data)
        boot = random_boot()
        edge.send(hr_frame(1, boot=boot, wall_us=_now_us()))
        wait_for(lambda: (DEVICE, boot) in edge.marks)
    assert len(gateway.get("/devices").json()) == 1
