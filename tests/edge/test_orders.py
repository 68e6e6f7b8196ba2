"""A whole edge under signed policies and commands, over a real broker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from edge_agent import KEY, Box, until
from edge_chain import TOPICS, Gateway, Process, broker, free_port, mosquitto
from vointi_contract.command import Command, CommandKind, sign_command
from vointi_contract.policy import CollectionPolicy, PolicyEntry, mark_of, sign_policy
from vointi_edge.agent import Agent

pytestmark = [
    pytest.mark.network,
    pytest.mark.skipif(mosquitto() is None, reason="no mosquitto: apt-get install mosquitto"),
]
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
BOTH = PolicyEntry("strap-1", ("ecg", "hr"))


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = broker(tmp_path, free_port())
    yield process
    process.kill()


@pytest.fixture
def gateway(process: Process, tmp_path: Path) -> Iterator[Gateway]:
    port = int((tmp_path / "mosquitto.conf").read_text().split()[1])
    gateway = Gateway(port)
    yield gateway
    gateway.close()


@pytest.fixture
def box(tmp_path: Path, gateway: Gateway) -> Box:
    return Box(tmp_path, gateway.port).obeying()


def people(gateway: Gateway, since: int = 0) -> set[str | None]:
    """Whom the births since one of them have named."""
    return {one["person"] for birth in gateway.births[since:] for one in birth["devices"]}


def policy(version: int, *entries: PolicyEntry, edge: str = "home-1") -> bytes:
    return sign_policy(CollectionPolicy(edge, "demo-home", version, 0, entries), KEY)


def publish(gateway: Gateway, payload: bytes) -> None:
    gateway.order(TOPICS.policy, payload, retain=True)


async def answered(gateway: Gateway, kind: str, number: int) -> tuple[str, str]:
    """How an order ended: outcome and reason."""

    def found() -> list[tuple[str, str]]:
        results = list(gateway.results)
        return [(r.outcome, r.reason) for r in results if (r.kind, r.number) == (kind, number)]

    answers: list[tuple[str, str]] = await until(found)
    return answers[-1]


def streams(gateway: Gateway) -> set[str]:
    return {frame.stream for frame in list(gateway.frames.values())}


def read(agent: Agent) -> set[str]:
    """What is subscribed at the strap."""
    model = agent._crew.reading.get("strap-1")
    return {spec.id for spec in model.streams} if model else set()


async def test_nothing_is_read_kept_or_sent_before_a_policy_came(
    box: Box, gateway: Gateway
) -> None:
    async with box.run() as agent:
        await until(lambda: agent._uplink.connected)
        agent.reading(box.heart_rate())
        assert read(agent) == set()
        publish(gateway, policy(1, PolicyEntry("strap-1", ("hr",))))
        assert await answered(gateway, "policy", 1) == ("done", "")
        assert read(agent) == {"hr"}
        agent.reading(box.ecg())
        agent.reading(box.heart_rate())
        await until(lambda: gateway.count("hr"))
        assert agent._portrait.counts.accepted <= 1
        assert streams(gateway) == {"hr"}


async def test_features_alone_are_computed_from_a_waveform_that_is_not_kept(
    box: Box, gateway: Gateway
) -> None:
    publish(gateway, policy(1, PolicyEntry("strap-1", ("beats", "hr"), "features")))
    async with box.run() as agent:
        await answered(gateway, "policy", 1)
        assert read(agent) == {"ecg", "hr"}
        agent.reading(box.ecg())
        agent.reading(box.heart_rate())
        await until(lambda: gateway.count("hr"))
        assert streams(gateway) == {"hr"}


async def test_a_pause_and_its_end(box: Box, gateway: Gateway) -> None:
    publish(gateway, policy(1, BOTH))
    async with box.run() as agent:
        await answered(gateway, "policy", 1)
        agent.reading(box.heart_rate())
        publish(gateway, policy(2, replace(BOTH, paused=True)))
        await answered(gateway, "policy", 2)
        assert read(agent) == set()
        agent.reading(box.heart_rate())
        publish(gateway, policy(3, BOTH))
        await answered(gateway, "policy", 3)
        agent.reading(box.ecg())
        await until(lambda: gateway.count("ecg"))
        await until(lambda: gateway.count("hr"))
        assert gateway.count("hr") == 1
        assert gateway.losses == []


async def test_withdrawn_while_offline_nothing_goes_up_and_the_buffer_is_erased(
    box: Box, gateway: Gateway
) -> None:
    """The person withdraws the waveform while the edge has no broker: it learns before it sends."""
    publish(gateway, policy(1, BOTH))
    async with box.run():
        await answered(gateway, "policy", 1)
    port, box.port = box.port, 1
    async with box.run() as agent:
        for _ in range(5):
            agent.reading(box.ecg())
        agent.reading(box.heart_rate())
        await until(lambda: agent._portrait.counts.pending == 6)
    publish(gateway, policy(2, PolicyEntry("strap-1", ("hr",))))
    box.port = port
    async with box.run() as agent:
        assert await answered(gateway, "policy", 2) == ("done", "")
        await until(lambda: gateway.count("hr"))
        await until(lambda: gateway.losses)
        await until(lambda: agent._portrait.counts.committed == 1)
    assert streams(gateway) == {"hr"}
    (result,) = [one for one in gateway.results if one.number == 2]
    assert result.details == {"erased": 5}
    assert {(loss.first_seq, loss.last_seq, loss.reason) for loss in gateway.losses} == {
        (1, 5, "withdrawn")
    }


async def test_an_older_foreign_or_forged_policy_changes_nothing(
    box: Box, gateway: Gateway
) -> None:
    publish(gateway, policy(5, BOTH))
    async with box.run() as agent:
        await answered(gateway, "policy", 5)
        everything = PolicyEntry("strap-1", ("*",))
        forged = CollectionPolicy("home-1", "demo-home", 6, 0, (everything,))
        gateway.order(TOPICS.policy, sign_policy(forged, STRANGER))
        gateway.order(TOPICS.policy, policy(7, everything, edge="home-2"))
        gateway.order(TOPICS.policy, policy(4, everything))
        gateway.order(TOPICS.policy, b"{}")
        outcome, reason = await answered(gateway, "policy", 4)
        assert (outcome, reason) == ("refused", "version: not above 5, the last one taken")
        assert (await answered(gateway, "policy", 7))[0] == "refused"
        assert read(agent) == {"ecg", "hr"}
    async with box.run() as agent:
        await until(lambda: agent._uplink.serves)
        gateway.results.clear()
        gateway.order(TOPICS.policy, policy(4, everything))
        assert (await answered(gateway, "policy", 4))[0] == "refused"
        assert read(agent) == {"ecg", "hr"}


async def test_a_policy_holds_without_a_broker(box: Box, gateway: Gateway) -> None:
    publish(gateway, policy(1, BOTH))
    async with box.run():
        await answered(gateway, "policy", 1)
    box.port = 1
    async with box.run() as agent:
        await until(lambda: read(agent) == {"ecg", "hr"})
        agent.reading(box.ecg())
        await until(lambda: agent._portrait.counts.pending == 1)
    (box.folder / "data" / "policy.signed").write_bytes(b"not signed")
    async with box.run() as agent:
        await until(lambda: agent._states.statuses()[0].note == "not agreed")
        assert read(agent) == set()


def command(number: int, kind: CommandKind, **arguments: object) -> bytes:
    return sign_command(Command("home-1", number, 0, kind, arguments), KEY)


async def test_commands_are_taken_once_and_answered(box: Box, gateway: Gateway) -> None:
    publish(gateway, policy(1, BOTH))
    async with box.run() as agent:
        await until(lambda: agent._uplink.serves)
        gateway.order(TOPICS.cmd, command(3, "rate_cap", bytes_per_s=4_000))
        assert await answered(gateway, "rate_cap", 3) == ("done", "")
        assert agent._uplink._cap._bytes_per_s == 4_000
        gateway.order(TOPICS.cmd, command(4, "rate_cap", bytes_per_s="fast"))
        outcome, reason = await answered(gateway, "rate_cap", 4)
        assert outcome == "failed"
        assert reason.startswith("arguments.bytes_per_s")
    async with box.run() as agent:
        await until(lambda: agent._uplink.serves)
        gateway.results.clear()
        gateway.order(TOPICS.cmd, command(3, "rate_cap", bytes_per_s=9))
        outcome, reason = await answered(gateway, "rate_cap", 3)
        assert (outcome, reason) == ("refused", "number: not above 4, the last one taken")
        assert agent._uplink._cap._bytes_per_s == 0


async def test_a_stranger_s_command_is_not_obeyed(box: Box, gateway: Gateway) -> None:
    publish(gateway, policy(1, BOTH))
    async with box.run() as agent:
        await until(lambda: agent._uplink.serves)
        stranger = Command("home-1", 9, 0, "rate_cap", {"bytes_per_s": 1})
        gateway.order(TOPICS.cmd, sign_command(stranger, STRANGER))
        gateway.order(TOPICS.cmd, command(1, "resend"))
        assert await answered(gateway, "resend", 1) == ("done", "")
        assert agent._uplink._cap._bytes_per_s == 0
        assert {result.number for result in gateway.results} == {1}


async def test_diagnostics_hold_no_value_and_no_person(box: Box, gateway: Gateway) -> None:
    publish(gateway, policy(1, BOTH))
    async with box.run() as agent:
        await until(lambda: agent._uplink.serves)
        agent.reading(box.heart_rate(173))
        await until(lambda: gateway.count("hr"))
        gateway.order(TOPICS.cmd, command(1, "diagnostics"))
        await answered(gateway, "diagnostics", 1)
        (result,) = [one for one in gateway.results if one.kind == "diagnostics"]
        assert result.details["policy_version"] == 1
        text = json.dumps(result.details)
        assert "p-7f3a" not in text
        assert "173" not in text.replace(str(result.details["disk_free_bytes"]), "")


async def test_another_configuration_serves_or_the_one_before_comes_back(
    box: Box, gateway: Gateway
) -> None:
    publish(gateway, policy(1, BOTH))
    async with box.run() as agent:
        await until(lambda: agent._uplink.serves)
        old = box.config.read_text()
        new = old.replace("[ble]", "[outbox]\ncommit_ms = 50\n[ble]")
        gateway.order(TOPICS.cmd, command(1, "config", text=new))
        await until(box.ended)
        assert box.config.read_text() == new
    box.keep_config = True
    async with box.run():
        assert await answered(gateway, "config", 1) == ("done", "")
        gateway.order(TOPICS.cmd, command(2, "config", text=new.replace("port =", "port = 1 #")))
        await until((box.folder / "edge.toml.trial").exists)
    async with box.run() as agent:
        agent._steward._trial_s = 0.0
        await until(box.ended)
    assert box.config.read_text() == new
    async with box.run():
        outcome, reason = await answered(gateway, "config", 2)
        assert (outcome, reason) == ("failed", "the broker was not reached with it")


async def test_stopped_again_while_it_stops_it_stops_all_the_same(box: Box) -> None:
    async with box.run() as agent:
        await until(lambda: agent._steward.anchors)
        agent.reading(box.heart_rate())
        stopping = box.task
        assert stopping is not None
        stopping.cancel()
        for _ in range(3):
            await asyncio.sleep(0)
            stopping.cancel()
        await asyncio.wait((stopping,))
        assert stopping.cancelled()
        assert not agent._writer._thread.is_alive()


async def test_who_was_erased_is_not_named_in_a_birth_also_after_a_restart(
    box: Box, gateway: Gateway
) -> None:
    async with box.run():
        await until(lambda: people(gateway, -1) == {"p-7f3a"})
        publish(gateway, sign_policy(_without("p-7f3a"), KEY))
        await until(lambda: people(gateway, -1) == {None})
    births = len(gateway.births)
    async with box.run():
        await until(lambda: len(gateway.births) > births)
        assert people(gateway, births) == {None}


def _without(person: str) -> CollectionPolicy:
    key = bytes(range(32))
    return CollectionPolicy("home-1", "demo-home", 1, 0, (), key, (mark_of(key, person),))


async def test_an_edge_without_keys_learns_whom_not_to_name_and_nothing_else(
    tmp_path: Path, gateway: Gateway
) -> None:
    box = Box(tmp_path, gateway.port)
    async with box.run() as agent:
        await until(lambda: people(gateway, -1) == {"p-7f3a"})
        publish(gateway, sign_policy(_without("p-7f3a"), STRANGER))
        await until(lambda: people(gateway, -1) == {None})
        agent.reading(box.heart_rate())  # the policy agrees to nothing
        await until(lambda: gateway.count("hr"))
    births = len(gateway.births)
    async with box.run():
        await until(lambda: len(gateway.births) > births)
        assert people(gateway, births) == {None}
        publish(gateway, sign_policy(_without("p-another"), STRANGER))
        await until(lambda: people(gateway, -1) == {"p-7f3a"})
        publish(gateway, b"not signed")
        publish(gateway, policy(2, edge="home-2"))
        publish(gateway, sign_policy(_without("p-7f3a"), STRANGER))
        await until(lambda: people(gateway, -1) == {None})
