"""BlueZ's adapters over a real message bus; who answers there is a stand-in for bluetoothd."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from vointi_edge.errors import RadioError
from vointi_edge.sources.ble.adapters import KnownAdapters
from vointi_edge.sources.ble.bluez import Bluez, BluezPort
from vointi_edge.sources.ble.pairing import PATH

pytestmark = pytest.mark.skipif(
    shutil.which("dbus-daemon") is None, reason="no dbus-daemon: apt-get install dbus-daemon"
)
CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_type="method_return"/><allow send_type="error"/><allow send_type="signal"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/>
<allow receive_type="error"/><allow receive_type="signal"/></policy></busconfig>
"""


@dataclass
class Bluetoothd:
    """Owns org.bluez and remembers how adapters were switched."""

    address: str
    refuses: bool = False
    switched: list[tuple[str, bool]] = field(default_factory=list)
    there: dict[str, str] = field(default_factory=dict)
    agents: list[tuple[str, str]] = field(default_factory=list)

    async def start(self) -> None:
        self._bus = await MessageBus(bus_address=self.address).connect()
        self._bus.add_message_handler(self._answer)
        await self._bus.request_name("org.bluez")

    def stop(self) -> None:
        self._bus.disconnect()

    async def asks(self, path: str) -> str | None:
        """Ask the agent whether to pair; return the error's name."""
        reply = await self._bus.call(
            Message(
                destination=self.agents[-1][1], path=PATH, interface="org.bluez.Agent1",
                member="RequestAuthorization", signature="o", body=[path],
            )
        )  # fmt: skip
        assert reply is not None
        return reply.error_name

    def _answer(self, message: Message) -> Message | bool:
        if message.member == "GetManagedObjects":
            objects = {
                f"/org/bluez/{name}": {"org.bluez.Adapter1": {"Address": Variant("s", address)}}
                for name, address in self.there.items()
            }
            body = [{"/org/bluez": {"org.bluez.AgentManager1": {}}, **objects}]
            return Message.new_method_return(message, "a{oa{sa{sv}}}", body)
        if message.interface == "org.bluez.AgentManager1":
            self.agents.append((message.member, message.sender))
            return Message.new_method_return(message)
        if message.message_type is not MessageType.METHOD_CALL or message.member != "Set":
            return False
        interface, name, value = message.body
        assert (interface, name) == ("org.bluez.Adapter1", "Powered")
        assert isinstance(value, Variant)
        self.switched.append((message.path, value.value))
        if self.refuses:
            return Message.new_error(message, "org.bluez.Error.Failed", "rfkill")
        return Message.new_method_return(message)


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A message bus of its own, in the system bus's place."""
    path, config = tmp_path / "bus", tmp_path / "bus.conf"
    config.write_text(CONFIG.format(path=path))
    command = ["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"]
    process = subprocess.Popen([*command, "--print-address=1"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline()
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={path}")
    yield f"unix:path={path}"
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
async def daemon(bus: str) -> AsyncIterator[Bluetoothd]:
    one = Bluetoothd(bus)
    await one.start()
    yield one
    one.stop()


async def test_an_adapter_is_switched_off_and_on(daemon: Bluetoothd) -> None:
    port = BluezPort("hci1", Bluez())
    await port.power_cycle()
    assert daemon.switched == [("/org/bluez/hci1", False), ("/org/bluez/hci1", True)]
    await port.close()


async def test_an_adapter_that_cannot_be_switched_is_said_with_the_next_step(
    daemon: Bluetoothd,
) -> None:
    daemon.refuses = True
    port = BluezPort("hci0", Bluez())
    with pytest.raises(RadioError, match=r"hci0: cannot be switched .*systemctl restart bluetooth"):
        await port.power_cycle()
    await port.close()


async def test_bluetoothd_is_started_anew_by_whoever_may(
    daemon: Bluetoothd, tmp_path: Path
) -> None:
    order = tmp_path / "restart-bluetooth"
    daemon.there = {"hci0": "B8:27:EB:00:00:01"}
    bluez = Bluez()
    await BluezPort("hci0", bluez, order=order).restart()
    assert order.exists()
    order.unlink()
    with pytest.raises(RadioError, match="hci7: is not there"):
        await BluezPort("hci7", bluez, order=order).restart()
    for nobody in (None, tmp_path / "nowhere" / "order"):
        with pytest.raises(RadioError, match="sudo systemctl restart bluetooth"):
            await BluezPort("hci0", bluez, order=nobody).restart()
    assert not order.exists()
    daemon.stop()
    await BluezPort("hci0", bluez, order=order).restart()  # who answers nothing needs it most
    assert order.exists()
    bluez.close()


async def test_the_end_of_bluetoothd_is_told_at_once_and_only_that(daemon: Bluetoothd) -> None:
    bluez, told = Bluez(), []
    ports = [BluezPort(name, bluez) for name in ("hci0", "hci1")]
    watching = [asyncio.create_task(port.watch(told.append)) for port in ports]
    await asyncio.sleep(0.3)
    assert told == []
    daemon.stop()
    async with asyncio.timeout(5):
        while len(told) < 2:  # noqa: ASYNC110 - told by the bus
            await asyncio.sleep(0.01)
    assert sorted(told)[0].startswith("hci0: bluetoothd ended; every link is made anew")
    await daemon.start()  # that it is back ends no link
    await asyncio.sleep(0.1)
    assert len(told) == 2
    for task in watching:
        task.cancel()
    await ports[0].close()


async def test_an_adapter_that_comes_back_under_another_number_is_the_same(
    daemon: Bluetoothd,
) -> None:
    port = BluezPort("hci0", Bluez())
    daemon.there = {"hci0": "B8:27:EB:00:00:01", "hci1": "B8:27:EB:00:00:02"}
    await port.find()
    assert port.scanner_args == {"adapter": "hci0"}
    daemon.there = {"hci1": "B8:27:EB:00:00:02"}  # pulled out: it is not taken for its neighbour
    await port.find()
    assert port.scanner_args == {"adapter": "hci0"}
    daemon.there = {"hci0": "B8:27:EB:00:00:02", "hci2": "B8:27:EB:00:00:01"}
    await port.find()
    assert port.scanner_args == {"adapter": "hci2"}
    await port.power_cycle()
    assert daemon.switched == [("/org/bluez/hci2", False), ("/org/bluez/hci2", True)]
    await port.close()


async def test_an_edge_that_is_restarted_knows_its_renumbered_adapter(
    daemon: Bluetoothd, tmp_path: Path
) -> None:
    """It was reset while it hung and came back as hci1; then the edge was killed."""
    file = tmp_path / "adapters.json"
    port = BluezPort("hci0", Bluez(), KnownAdapters(file))
    daemon.there = {"hci0": "B8:27:EB:00:00:01"}
    await port.find()
    await port.close()
    daemon.there = {"hci1": "B8:27:EB:00:00:01"}
    again = BluezPort("hci0", Bluez(), KnownAdapters(file))
    await again.find()
    assert again.scanner_args == {"adapter": "hci1"}
    daemon.there = {"hci0": "B8:27:EB:00:00:09"}  # a new adapter in its place
    await again.find()
    assert again.scanner_args == {"adapter": "hci0"}
    assert KnownAdapters(file).address("hci0") == "B8:27:EB:00:00:09"
    await again.close()


@pytest.mark.parametrize("content", [b"", b"\xff", b"[1]", b'{"hci1": "B8:27:EB:00:00:01"}'])
def test_a_file_that_tells_nothing_of_a_name_is_as_none(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "adapters.json"
    file.write_bytes(content)
    known = KnownAdapters(file)
    assert known.address("hci0") is None
    known.learn("hci0", "B8:27:EB:00:00:02")
    assert KnownAdapters(file).address("hci0") == "B8:27:EB:00:00:02"


async def test_every_bluetoothd_is_told_whom_to_ask_before_it_pairs(daemon: Bluetoothd) -> None:
    port = BluezPort("hci0", Bluez())
    port.admit({"C0:DE:00:00:00:05"}.__contains__)
    await port.find()
    await port.find()
    assert [member for member, _ in daemon.agents] == ["RegisterAgent", "RequestDefaultAgent"]
    assert await daemon.asks("/org/bluez/hci0/dev_C0_DE_00_00_00_05") is None
    assert await daemon.asks("/org/bluez/hci0/dev_C0_DE_00_00_00_06") == "org.bluez.Error.Rejected"
    daemon.stop()
    await daemon.start()
    await port.find()
    assert len(daemon.agents) == 4
    assert await daemon.asks("/org/bluez/hci0/dev_C0_DE_00_00_00_05") is None
    await port.close()
