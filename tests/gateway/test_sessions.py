"""The sessions with the broker: what is said when there is none, and lanes that are apart."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    OTHER_EDGE,
    OTHER_PILOT,
    EdgeClient,
    gateway_toml,
    hr_frame,
    payload,
    random_boot,
    running_broker,
    running_gateway,
    wait_for,
)
from vointi_gateway.ingest.inbox import Inbox
from vointi_gateway.ingest.outage import Outage
from vointi_gateway.ingest.sessions import ALL, Sessions
from vointi_gateway.ingest.stage import Delivery
from vointi_gateway.settings import MqttSettings

LONG_S = 60.0


def test_an_outage_is_said_once_for_all_sessions(caplog: pytest.LogCaptureFixture) -> None:
    outage = Outage("the broker")
    for _ in range(3):
        outage.begins("a", "is away; start it")
        outage.begins("b", "is away; start it")
    assert caplog.messages == ["the broker is away; start it"]
    outage.ends("a")
    outage.ends("c")
    assert len(caplog.messages) == 1
    outage.ends("b")
    outage.ends("b")
    assert caplog.messages[1:] == ["the broker answers again"]


@pytest.mark.network
def test_without_a_broker_one_warning_names_the_next_step(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with socket.socket() as taken:
        # Bound and not listening: whoever knocks is refused, and nobody else gets the port.
        taken.bind(("127.0.0.1", 0))
        settings = MqttSettings(port=taken.getsockname()[1])
        sessions = Sessions(settings, Inbox(10, 10.0, 10), lambda: 0)
        sessions.open("", ALL)
        pair = sessions._open[""]
        wait_for(lambda: min(s._attempts for s in pair) >= 4, LONG_S)
        assert not sessions.publish("a/topic", b"")
        sessions.stop()
    (said,) = (r for r in caplog.records if r.levelno >= logging.WARNING)
    assert "does not answer; start it, or check mqtt.host and mqtt.port" in said.getMessage()
    assert not [r for r in caplog.records if r.name.startswith("paho")]


@pytest.mark.network
@pytest.mark.parametrize("kind", ["mosquitto", "embedded"])
def test_a_drain_that_nobody_takes_leaves_the_live_lane_open(tmp_path: Path, kind: str) -> None:
    with running_broker(tmp_path, kind) as broker:
        (tmp_path / "password").write_text("gateway-secret\n")
        settings = MqttSettings(port=broker.port, password_file=tmp_path / "password")
        inbox = Inbox(3, 1e9, 1000)
        sessions = Sessions(settings, inbox, lambda: 0)
        sessions.open("", ALL)
        wait_for(lambda: sessions.connected, LONG_S)
        try:
            with EdgeClient(broker.port) as edge:
                for seq in range(1, 21):
                    edge.publish(edge.topics.backlog(DEVICE), payload(hr_frame(seq)))
                wait_for(lambda: inbox._lanes["backlog"].size == 3, LONG_S)
                edge.send(hr_frame(21))
                wait_for(lambda: inbox._lanes["live"].size == 1, LONG_S)
            got = [inbox.get(LONG_S) for _ in range(21)]
            sessions.ack(got)
        finally:
            sessions.stop()
    assert {_lane(d) for d in got[:1]} == {"d"}
    assert [_lane(d) for d in got].count("b") == 20
    assert len({d.epoch for d in got}) == 2


def _lane(delivery: Delivery) -> str:
    return delivery.topic.split("/")[5]


@pytest.mark.network
def test_one_edge_floods_and_the_other_loses_and_waits_for_nothing(tmp_path: Path) -> None:
    """Over its share an edge is held back and counted; sent again, every reading is there once."""
    sent, burst = 130, 50
    with running_broker(tmp_path, "mosquitto") as broker:
        config = gateway_toml(tmp_path, broker.port)
        config.write_text(
            config.read_text() + f"[ingest]\nedge_rate_hz = 40.0\nedge_burst = {burst}\n"
        )
        with (
            running_gateway(tmp_path, config) as gateway,
            EdgeClient(broker.port) as flood,
            EdgeClient(broker.port, OTHER_EDGE, OTHER_PILOT) as home,
        ):
            gateway.connected()
            boot = random_boot()
            frames = [payload(hr_frame(seq, boot=boot)) for seq in range(1, sent + 1)]
            for data in frames:
                flood.client.publish(flood.topics.live(DEVICE), data, qos=1)
            for seq in range(1, 31):
                home.send(hr_frame(seq, boot=boot))
            wait_for(lambda: (m := home.marks.get((DEVICE, boot))) and m.upto == 30, LONG_S)
            assert home.marks[DEVICE, boot].gaps == ()

            def held() -> dict[str, int]:
                return {e["edge"]: e["held_back"] for e in gateway.health()["edges"]}

            wait_for(lambda: held()[EDGE] + gateway.counts()["stored"] >= sent + 30, LONG_S)
            assert held()[OTHER_EDGE] == 0
            assert 0 < held()[EDGE] <= sent - burst
            counts = gateway.counts()
            assert counts["stored"] == 30 + sent - held()[EDGE]
            assert counts["lost"] == counts["quarantined"] == counts["duplicates"] == 0

            def owed() -> list[int]:
                mark = flood.marks.get((DEVICE, boot))
                return [s for s in range(1, sent + 1) if not (mark and mark.covers(s))]

            def again() -> bool:
                for seq in owed()[:burst]:
                    flood.client.publish(flood.topics.backlog(DEVICE), frames[seq - 1], qos=1)
                return not owed()

            wait_for(again, LONG_S, step_s=0.5)
            assert gateway.counts()["stored"] == sent + 30
        assert gateway.log().count("faster than ingest.edge_rate_hz") <= 2
