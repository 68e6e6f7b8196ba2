"""Asking the gateway how it is."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """The gateway's answer; ``answered`` is False while there is none."""

    answered: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    edges: list[dict[str, Any]] = field(default_factory=list)
    latency_ms: dict[str, float | None] = field(default_factory=dict)

    @property
    def flowing(self) -> bool:
        """Whether readings have reached the store."""
        return self.counts.get("stored", 0) > 0


def ask(host: str, port: int) -> Health:
    """Return the gateway's health, or an empty one while it does not answer."""
    try:
        with urllib.request.urlopen(
            f"http://{host}:{port}/api/v1/health", timeout=TIMEOUT_S
        ) as response:
            body = json.load(response)
    except (urllib.error.URLError, OSError, ValueError):
        return Health()
    return Health(
        answered=True,
        counts=body.get("counts", {}),
        edges=body.get("edges", []),
        latency_ms=body.get("latency_ms", {}),
    )
