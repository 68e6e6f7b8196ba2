"""What must be true of the books of both sides after every scene."""

from __future__ import annotations

from typing import Any


def balanced(found: dict[str, Any]) -> None:
    """Every accepted reading reached the gateway once, gap-free, and was acknowledged."""
    outbox = found["outbox"]
    assert outbox["accepted"] > 0
    assert outbox["pending"] == 0
    assert outbox["accepted"] == outbox["committed"] + outbox["lost"]
    assert found["gaps"] == 0
    assert found["distinct"] == outbox["accepted"] - outbox["lost"]
    assert outbox["lost"] == 0
    assert found["edge_code"] == 0
