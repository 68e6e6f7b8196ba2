"""The file that carries what pipelines have learnt over a restart, sealed like the outbox."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vointi_edge.errors import EdgeError
from vointi_edge.files import read_if_there, write_atomically

log = logging.getLogger(__name__)

VERSION = 1
Cipher = Callable[[bytes], bytes]


def load(path: Path, unseal: Cipher) -> dict[str, Mapping[str, Any]]:
    """Return the pipelines' states by "device/stream"; none, told in one line, if unusable."""
    try:
        raw = read_if_there(path)
        return {} if raw is None else _checked(unseal(raw))
    except (EdgeError, OSError, ValueError, RecursionError) as error:
        log.warning("%s: ignored, all is learnt anew: %s", path.name, error)
        return {}


def _checked(raw: bytes) -> dict[str, Mapping[str, Any]]:
    saved = json.loads(raw)
    if not isinstance(saved, dict) or saved.get("version") != VERSION:
        raise ValueError(f"it is not of version {VERSION}")
    states = saved.get("pipelines")
    if not isinstance(states, dict) or not all(isinstance(v, dict) for v in states.values()):
        raise ValueError("it holds no states")
    return states


def store(path: Path, states: Mapping[str, Mapping[str, Any]], seal: Cipher) -> None:
    """Replace the file at once: after a power cut it is the old one or the new one. OSError."""
    content = {"version": VERSION, "pipelines": states}
    write_atomically(path, seal(json.dumps(content, separators=(",", ":")).encode()))
