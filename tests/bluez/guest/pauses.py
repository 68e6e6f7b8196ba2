"""A strap whose person takes a break, in a house where another device is heard all the while."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from house import House
from ledger import TOPICS
from vointi_contract.policy import EVERY_STREAM, CollectionPolicy, PolicyEntry, sign_policy
from vointi_contract.signing import public_key_text

_KEYS = Path("/tmp/policy.keys")
_EDGE = f"""\
[policy]
keys_file = "{_KEYS}"
"""
#: Longer than a sighting is good for, and than the watchdog is patient.
_BREAK_S = 100.0


def paused() -> dict[str, Any]:
    """The word to go on finds a device that BlueZ told of when the break began."""
    key = Ed25519PrivateKey.generate()
    _KEYS.write_text(public_key_text(key.public_key()) + "\n")
    with House(("strap-1", "ruuvi-1"), more=_EDGE) as house:

        def say(version: int, *, paused: bool) -> None:
            strap = PolicyEntry("strap-1", EVERY_STREAM, paused=paused)
            entries = (strap, PolicyEntry("ruuvi-1", EVERY_STREAM))
            policy = CollectionPolicy("home-1", "demo-home", version, 0, entries)
            house.ledger.order(TOPICS.policy, sign_policy(policy, key))

        say(1, paused=False)
        house.more("strap-1", "ecg")
        back = []
        for version in (2, 4):
            say(version, paused=True)
            house.until(lambda: not house.linked(), 60, "the break")
            time.sleep(_BREAK_S)
            say(version + 1, paused=False)
            back.append(house.until(house.linked, 240, "linked again"))
            house.more("strap-1", "ecg")
        house.more("ruuvi-1", "air", by=1)
        return {"healed_s": back, **house.settle()}
