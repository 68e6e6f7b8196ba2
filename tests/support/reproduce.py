"""One scenario between a home and an edge, and a digest of every byte that passed.

As a program (`python reproduce.py FILE SEED`) it prints the digest: in another process, the same.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from radio_home import DEVICES, Scene
from virtual_time import run_virtual
from vointi_sim import scenario

STORY = """
[[fault]]
at_s = 0
op = "duplicate"
probability = 0.2
[[fault]]
at_s = 0
op = "adv_loss"
probability = 0.3
[[fault]]
at_s = 5
op = "reorder"
probability = 0.3
[[fault]]
at_s = 10
op = "lie"
what = "random"
probability = 0.2
[[fault]]
at_s = 14
op = "fade"
dbm = -97
over_s = 5
for_s = 5
[[fault]]
at_s = 20
op = "drop"
[[fault]]
at_s = 22
op = "noise"
microvolts = 300
"""


def bytes_of(path: Path, seed: int) -> tuple[str, int]:
    """Digest and number of all packets between an edge and the home's adapter in 25 s."""
    log: list[bytes] = []

    async def run() -> tuple[str, int]:
        random.seed(7)  # the edge's jitter: what is asked when is a part of the conversation
        async with Scene(seed=seed, devices=DEVICES[:3], log=log) as scene:
            director = scenario.Director(scenario.read(path), scene.faults, scene.clock)
            acting = asyncio.create_task(director.run())
            await asyncio.sleep(25)
            await acting
            return hashlib.sha256(b"".join(log)).hexdigest(), len(log)

    return run_virtual(run())


if __name__ == "__main__":
    logging.getLogger("bumble").setLevel(logging.CRITICAL)
    print(*bytes_of(Path(sys.argv[1]), int(sys.argv[2])))
