"""Pilots, people and consent over HTTP, with a broker and an edge that hears its policy."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    OTHER_PILOT,
    PASSWORDS,
    PILOT,
    EdgeClient,
    GatewayProcess,
    gateway_toml,
    hr_frame,
    needs,
    random_boot,
    running_broker,
    running_gateway,
    wait_for,
)
from gateway_kit import state as edge_state
from registry_kit import document
from vointi_contract.policy import CollectionPolicy, verify_policy
from vointi_contract.signing import read_public_keys
from vointi_contract.topics import EdgeTopics
from vointi_gateway.cli import main
from vointi_gateway.pilots.document import as_table

pytestmark = pytest.mark.network

PERSON = "p-7f3a"
STRAP = f"{EDGE}.{DEVICE}"


class World:
    """A gateway with a simulated pilot, and its edge."""

    def __init__(self, folder: Path, gateway: GatewayProcess, edge: EdgeClient) -> None:
        self.folder, self.gateway, self.edge = folder, gateway, edge
        self.boot, self.seq = random_boot(), 0

    def post(self, path: str, **body: Any) -> httpx.Response:
        return httpx.post(f"{self.gateway.url}/api/v1{path}", json=body, timeout=10)

    def say(self, kind: str, *purposes: str) -> None:
        for purpose in purposes or ("care", "evaluation", "open_data"):
            who = {"pilot": PILOT, "person": PERSON, "purpose": purpose}
            assert self.post("/consents", **who, kind=kind).status_code == 201

    def ready(self, readings: int = 1) -> None:
        """Whatever the test before left: everything is agreed to, and some readings are stored."""
        states = {c["purpose"]: c["state"] for c in self.gateway.get("/consents").json()}
        for purpose, state in states.items():
            if state != "given":
                self.say("resumed" if state == "paused" else "given", purpose)
        wait_for(lambda: (p := self.policy()) and p.collects(DEVICE, "hr", "scalar"))
        before = self.gateway.counts()["stored"]
        for _ in range(readings):
            self.send()
        wait_for(lambda: self.gateway.counts()["stored"] == before + readings)
        query = {"device": STRAP, "metric": "heart_rate"}
        assert self.gateway.get("/series", params=query).status_code == 200

    def send(self) -> None:
        self.seq += 1
        now_us = time.time_ns() // 1000
        self.edge.send(hr_frame(self.seq, boot=self.boot, wall_us=now_us))

    def policy(self) -> CollectionPolicy | None:
        """The newest policy that the edge has heard, its signature checked."""
        text = (self.folder / "store" / "keys" / "policy.keys").read_text()
        heard = [data for topic, data in self.edge.received if topic.endswith("/c/policy")]
        return verify_policy(heard[-1], read_public_keys(text)) if heard else None

    def refused(self) -> dict[str, int]:
        return {r["reason"]: r["n"] for r in self.gateway.get("/refusals").json()}


@pytest.fixture(scope="module")
def world(module_tmp: Path) -> Iterator[World]:
    needs("mosquitto")
    with ExitStack() as stack:
        broker = stack.enter_context(running_broker(module_tmp, "mosquitto"))
        config = gateway_toml(module_tmp, broker.port)
        gateway = stack.enter_context(running_gateway(module_tmp, config)).connected()
        edge = EdgeClient(broker.port, subscribe=f"{_base()}/c/#")
        stack.enter_context(edge)
        edge.announce()
        world = World(module_tmp, gateway, edge)
        wait_for(lambda: gateway.get("/consents").json())
        yield world


def _base() -> str:
    return EdgeTopics(PILOT, EDGE).base


def test_withdrawal_reaches_the_edge_and_nothing_more_is_kept(world: World) -> None:
    world.ready()
    begun = time.monotonic()
    world.say("withdrawn")
    wait_for(lambda: not world.policy().permits(DEVICE, "hr", "scalar"))
    assert time.monotonic() - begun < 60
    before = world.gateway.counts()
    world.send()
    wait_for(lambda: world.refused().get("withdrawn") == 1)
    after = world.gateway.counts()
    assert after["stored"] == before["stored"]
    assert after["quarantined"] == before["quarantined"] + 1
    query = {"device": STRAP, "metric": "heart_rate"}
    assert world.gateway.get("/series", params=query).status_code == 404
    world.say("given")
    wait_for(lambda: world.policy().collects(DEVICE, "hr", "scalar"))
    world.send()
    wait_for(lambda: world.gateway.counts()["stored"] == before["stored"] + 1)
    assert len(world.gateway.get("/series", params=query).json()["value"]) == 1


def test_a_pause_is_heard_and_seen(world: World) -> None:
    world.ready()
    world.say("paused")
    wait_for(lambda: world.policy().entry(DEVICE).paused)
    world.say("resumed")
    wait_for(lambda: not world.policy().entry(DEVICE).paused)


def test_a_command_beside_the_running_gateway_counts_within_seconds(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ready()
    config = ["--config", str(world.folder / "gateway.toml")]
    with pytest.raises(SystemExit):
        main(["consent", "withdraw", PILOT, PERSON, "evaluation", *config])
    params = {"device": STRAP, "metric": "heart_rate", "purpose": "evaluation"}
    wait_for(lambda: world.gateway.get("/series", params=params).status_code == 404)
    with pytest.raises(SystemExit) as caught:
        main(["backup", str(world.folder / "saved"), "--json", *config])
    assert caught.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert json.loads(lines[-1])["files"] >= 6
    with pytest.raises(SystemExit) as caught:
        main(["restore", str(world.folder / "saved"), *config])
    assert caught.value.code == 2
    assert "a gateway uses it" in capsys.readouterr().err


def test_everything_about_a_person_is_given_to_them(world: World) -> None:
    world.ready()
    record = world.gateway.get(f"/people/{PILOT}/{PERSON}").json()
    assert record["devices"] == [{"device": STRAP, "from": "1970-01-01T00:00:00.000Z", "to": None}]
    assert {v["who"] for v in record["who_looked"]} == {"local operator"}
    asked = world.post("/exports", pilot=PILOT, person=PERSON)
    assert asked.status_code == 202
    where = f"/exports/{asked.json()['id']}"
    wait_for(lambda: world.gateway.get(where).json()["state"] == "done")
    data = world.gateway.get(f"{where}/file")
    assert data.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(data.content)) as archive:
        assert any("heart_rate" in name for name in archive.namelist())


WHO = {"pilot": PILOT, "person": PERSON}
NOBODY = {"pilot": PILOT, "person": "p-none"}


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/consents", WHO | {"pilot": "x", "purpose": "care", "kind": "given"}, 404, "pilot"),
        ("/consents", WHO | {"purpose": "ads", "kind": "given"}, 422, "purpose"),
        ("/consents", WHO | {"purpose": "care", "kind": "expired"}, 422, "kind"),
        ("/consents", WHO | {"purpose": "care", "kind": "resumed"}, 409, "kind"),
        ("/consents", {"pilot": PILOT, "actor": "me"}, 422, "person"),
        ("/loans", WHO | {"device": STRAP}, 409, "device"),
        ("/loans", WHO | {"device": STRAP, "from_us": 0}, 422, "from_us"),
        ("/participants", {"pilot": "none"}, 404, "pilot"),
        ("/participants/join", {"code": "wrong"}, 422, "code"),
        ("/erasures", NOBODY, 404, "person"),
        ("/exports", NOBODY, 404, "person"),
        ("/pilots", {"id": "x", "name": "X", "kind": "hom"}, 422, "pilot.kind"),
        ("/pilots", {"id": "x", "nam": "X"}, 422, "pilot.nam"),
    ],
)
def test_a_refusal_names_field_and_fix(
    world: World, path: str, body: dict[str, Any], status: int, field: str
) -> None:
    world.ready()
    answer = world.post(path, **body)
    assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert answer.json()["fix"]


def test_another_sites_form_cannot_speak_for_anybody(world: World) -> None:
    world.ready()
    body = json.dumps({"pilot": PILOT, "person": PERSON, "purpose": "care", "kind": "withdrawn"})
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = httpx.post(
            f"{world.gateway.url}/api/v1/consents", content=body, headers={"content-type": kind}
        )
        assert answer.status_code in (415, 422)
    states = {c["purpose"]: c["state"] for c in world.gateway.get("/consents").json()}
    assert states["care"] == "given"


def test_a_pilot_is_imported_and_a_person_invited_while_it_runs(world: World) -> None:
    sent = as_table(document(id="pilot-c", site=()))
    assert world.post("/pilots", **json.loads(json.dumps(sent))).status_code == 201
    wait_for(lambda: "pilot-c" in {p["id"] for p in world.gateway.get("/pilots").json()})
    assert httpx.get(f"{world.gateway.url}/pilots/pilot-c").status_code == 200
    assert world.gateway.get("/pilots/pilot-c").json()["dpia"] == "DPIA-1"
    invited = world.post("/participants", pilot="pilot-c", name="Maija").json()
    joined = world.post("/participants/join", code=invited["code"]).json()
    assert joined["person"] == invited["person"]
    assert "Maija" not in world.gateway.get("/participants").text
    who = {"pilot": "pilot-c", "person": joined["person"], "purpose": "care"}
    assert world.post("/consents", **who, kind="given", language="sv").status_code == 201
    receipt = world.gateway.get(f"/consents/pilot-c/{joined['person']}/care/receipt").json()
    assert receipt["context"]["notice"]["language"] == "sv"
    assert world.gateway.get(f"/consents/{OTHER_PILOT}/{joined['person']}").status_code == 404


def _kept_births(world: World) -> list[bytes]:
    """What the broker keeps as the edge's birth: it comes before anything said from now on."""
    told = json.loads(edge_state(EDGE).to_json()) | {"mono_us": random_boot() // 2}
    mark = json.dumps(told).encode()
    every, word = f"{_base()}/+", PASSWORDS["gateway"]
    with EdgeClient(world.edge.client.port, "gateway-3", password=word, subscribe=every) as reader:
        world.edge.publish(f"{_base()}/state", mark)
        wait_for(lambda: mark in [data for _, data in reader.received])
        return [data for topic, data in reader.received if topic.endswith("/meta")]


def test_an_erased_person_is_gone_from_the_running_gateway(world: World) -> None:
    """The edge of this test never heard of policies, and says who wears what after each start."""
    world.ready(3)
    world.edge.announce()
    assert PERSON.encode() in b"".join(_kept_births(world))
    asked = world.post("/erasures", pilot=PILOT, person=PERSON).json()
    where = f"/erasures/{asked['id']}"
    wait_for(lambda: world.gateway.get(where).json()["state"] == "done", timeout_s=30)
    receipt = world.gateway.get(where).json()["receipt"]
    assert receipt["rows"]["scalars"] >= 3
    assert receipt["residual_bytes_found_in"] == []
    assert PERSON not in {p["person"] for p in world.gateway.get("/participants").json()}
    wait_for(lambda: not world.policy().permits(DEVICE, "hr", "scalar"))
    before = world.gateway.counts()
    world.send()
    wait_for(lambda: world.refused().get("not-lent") == 1)
    assert world.gateway.counts()["stored"] == before["stored"]
    kinds = [row["kind"] for row in world.gateway.get("/audit").json()]
    assert kinds.count("erase") == 1
    assert world.gateway.get("/audit/head").json()["n"] == len(kinds)
    world.edge.announce()
    wait_for(lambda: _kept_births(world) == [], timeout_s=60)
    assert PERSON not in world.gateway.get("/participants").text
    assert PERSON not in world.gateway.get("/devices").text
