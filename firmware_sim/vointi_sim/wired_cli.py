"""`vointi-sim wired`: the service point's wired sensors, until stopped."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vointi_sim.clock import PacedClock
from vointi_sim.service_point.wired import WiredPoint

# As in vointi-sim run: the service point's visitors are not the home's.
_SEED_OFFSET = 1_000_003


def add_wired(commands: Any, address: Callable[[str, str], tuple[str, int]]) -> None:
    """Add the command; `address(field, text)` reads HOST:PORT."""
    wired: argparse.ArgumentParser = commands.add_parser(
        "wired", help="a service point's wired sensors, until stopped"
    )
    wired.add_argument("--dir", type=Path, required=True, help="where the twins' files appear")
    wired.add_argument("--camera", help="HOST:PORT of the camera that counts people")
    wired.add_argument("--local-mqtt", help="HOST:PORT of the broker that the Zigbee bridge uses")
    wired.add_argument("--seed", type=int, default=1, help="decides everything that happens")
    wired.add_argument("--speed", type=float, default=1.0, help="simulated seconds a second")
    wired.set_defaults(address=address)


async def run_wired(
    options: argparse.Namespace, say: Callable[..., None], stop: asyncio.Event
) -> int:
    """Run until `stop` is set; `say` is told the facts when it is ready. Raises SimError."""
    point = WiredPoint(options.dir, PacedClock(options.speed), options.seed + _SEED_OFFSET)
    facts = {"dir": str(options.dir)}
    try:
        point.start("--dir")
        if options.camera is not None:
            host, port = options.address("--camera", options.camera)
            host, port = await point.camera.start(host, port, "--camera")
            facts["camera"] = f"http://{host}:{port}"
        if options.local_mqtt is not None:
            host, port = options.address("--local-mqtt", options.local_mqtt)
            await point.bridge.start(host, port, "--local-mqtt")
        say(ready=True, **facts, seed=options.seed)
        await stop.wait()
    finally:
        await point.stop()
    return 0
