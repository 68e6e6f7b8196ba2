"""A whole edge in this process: its clock is set by the test, its readings are given to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from edge_parts import SetClock
from vointi_contract.frame import Channel, Quality
from vointi_contract.metrics import by_name
from vointi_contract.signing import public_key_text
from vointi_edge.agent import Agent
from vointi_edge.catalogue import load_catalogue
from vointi_edge.config import load_config
from vointi_edge.configtrial import ConfigTrial
from vointi_edge.errors import RestartError
from vointi_edge.reading import Reading

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CONFIG = """\
edge = "{edge}"
pilot = "{pilot}"
site = "home-1"
role = "home"
data_dir = "data"
[mqtt]
host = "127.0.0.1"
port = {port}
{extra}
[ble]
backend = "virtual"
hci = "tcp-client:127.0.0.1:1"
[[device]]
id = "strap-1"
model = "polar-h10"
address = "C0:DE:00:00:00:01"
person = "p-7f3a"
"""


@dataclass
class Box:
    """One edge and its folder; `run` may be entered again after it was left: a restart."""

    folder: Path
    port: int
    edge: str = "home-1"
    pilot: str = "demo-home"
    extra: str = ""
    password: str | None = None
    kernel: str = "kernel-1"
    clock: SetClock = field(default_factory=SetClock)
    keep_config: bool = False
    task: asyncio.Task[None] | None = None

    @property
    def config(self) -> Path:
        return self.folder / "edge.toml"

    def write(self) -> None:
        self.config.write_text(
            CONFIG.format(edge=self.edge, pilot=self.pilot, port=self.port, extra=self.extra)
        )

    def obeying(self) -> Box:
        """Collect under policies alone."""
        (self.folder / "orders.keys").write_text(public_key_text(KEY.public_key()))
        self.extra += '\n[policy]\nkeys_file = "orders.keys"\n'
        return self

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[Agent]:
        if not self.keep_config:
            self.write()
        config = load_config(self.config)
        agent = Agent(
            config,
            load_catalogue(config.catalogue_dir),
            clock=self.clock,
            kernel_boot=self.kernel,
            password=self.password,
            trial=ConfigTrial(self.config, lambda path: None),
            run_dir=self.folder / "run",
        )
        self.task = asyncio.create_task(agent.run())
        try:
            yield agent
        finally:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    def ended(self) -> bool:
        """Whether the agent ended by itself, to begin anew."""
        done = self.task is not None and self.task.done()
        assert not done or isinstance(self.task.exception(), RestartError)
        return done

    def heart_rate(self, bpm: int = 62) -> Reading:
        return self._reading("hr", 0.0, channel("heart_rate", [bpm]))

    def ecg(self) -> Reading:
        return self._reading("ecg", 130.0, channel("ecg", list(range(73))))

    def _reading(self, stream: str, rate_hz: float, *channels: Channel) -> Reading:
        self.clock.mono_us += 1_000_000
        mono_us, wall_us = self.clock.boottime_us(), self.clock.wall_us()
        return Reading(
            "strap-1", stream, mono_us, wall_us, rate_hz, None, channels, None, Quality.OK
        )


def channel(metric: str, values: list[int]) -> Channel:
    return Channel(by_name(metric).code, np.asarray(values, np.int32))


async def until(what: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """The first true answer."""
    async with asyncio.timeout(timeout_s):
        while not (answer := what()):  # noqa: ASYNC110 - others run in threads and processes
            await asyncio.sleep(0.02)
    return answer
