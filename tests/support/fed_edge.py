"""A whole edge that is fed by a simulated home instead of a radio; a program of its own.

    python tests/support/fed_edge.py CONFIG --hours H --origin-us N --given FILE

It begins H hours ago and says so (`{"policy": …}`) once it may collect. Each line on its input is
an order: `fill` lets the hours pass as fast as readings are kept, `quiet` ends the readings, the
end of the input ends the edge. FILE counts the readings that the edge took in, on their way to the
outbox; a killed process leaves it right.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import mmap
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from fed_home import FedClock, FedHome, Make
from vointi_edge.agent import Agent, kernel_boot_id
from vointi_edge.catalogue import load_catalogue
from vointi_edge.config import load_config
from vointi_edge.configtrial import ConfigTrial
from vointi_edge.outbox.store import Entry, OutboxStore

# Readings between two looks at the outbox while time is compressed: far below its queue.
_BREATH = 400


def _count_offers(agent: Agent, path: Path) -> None:
    """Count what is handed to the outbox in a page of a file, which outlives a kill."""
    if not path.exists():
        path.write_bytes(bytes(8))
    with path.open("r+b") as file:
        page = mmap.mmap(file.fileno(), 8)
    offer = agent._writer.offer

    def counted(*entries: Entry) -> None:
        page[:] = (int.from_bytes(page[:]) + len(entries)).to_bytes(8)
        offer(*entries)

    agent._writer.offer = counted  # type: ignore[method-assign]


class Feeder:
    """Gives readings to the agent, compressed or at the pace of the clock."""

    def __init__(self, agent: Agent, clock: FedClock, home: FedHome, origin_us: int) -> None:
        self._agent, self._clock, self._home = agent, clock, home
        self._origin_us = origin_us
        self._coming: Iterator[tuple[float, Make]] = home.since(self._now_s())

    def _now_s(self) -> float:
        return (self._clock.boottime_us() - self._origin_us) / 1e6

    async def fill(self) -> None:
        """Let the time that the clock is behind pass."""
        end_s = self._now_s() + self._clock.behind_us / 1e6
        for number, (at_s, make) in enumerate(self._coming):
            if at_s >= end_s:
                break
            self._clock.at_us = self._origin_us + round(at_s * 1e6)
            self._give(make)
            if number % _BREATH == 0:
                await self._agent._writer.call(OutboxStore.counts)
        self._clock.behind_us, self._clock.at_us = 0, None
        self._coming = self._home.since(self._now_s())

    async def live(self) -> None:
        """Go on for ever."""
        for at_s, make in self._coming:
            await asyncio.sleep(max(0.0, at_s - self._now_s()))
            self._give(make)

    def _give(self, make: Make) -> None:
        self._agent.reading(make(self._clock.boottime_us()))


def _say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


async def _obey(feeder: Feeder, orders: asyncio.StreamReader) -> None:
    live = asyncio.create_task(feeder.live())
    while line := (await orders.readline()).strip():
        live.cancel()
        await asyncio.gather(live, return_exceptions=True)
        began = time.monotonic()
        if line == b"fill":
            await feeder.fill()
            _say(filled_s=time.monotonic() - began)
            live = asyncio.create_task(feeder.live())
        else:
            _say(quiet=True)
    live.cancel()


async def _run(options: argparse.Namespace) -> None:
    config = load_config(options.config)
    clock = FedClock(round(options.hours * 3600e6))
    secret = config.mqtt.password_file
    agent = Agent(
        config,
        load_catalogue(config.catalogue_dir),
        clock=clock,
        kernel_boot=kernel_boot_id(),
        password=secret.read_text().strip() if secret else None,
        trial=ConfigTrial(options.config, lambda path: None),
        run_dir=options.config.parent / "run",
    )
    _count_offers(agent, options.given)
    running = asyncio.create_task(agent.run())
    while agent._keeper.required and agent._keeper.policy is None:
        await asyncio.sleep(0.05)
        if running.done():
            running.result()
    _say(policy=True)
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    home = FedHome(options.seed, options.origin_us, clock.wall_offset())
    feeder = Feeder(agent, clock, home, options.origin_us)
    await _obey(feeder, orders)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--hours", type=float, default=0.0)
    parser.add_argument("--origin-us", type=int, required=True)
    parser.add_argument("--given", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    asyncio.run(_run(parser.parse_args()))


if __name__ == "__main__":
    main()
