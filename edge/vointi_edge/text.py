"""Strings from strangers (device names, advertisements, serial lines) before they reach a log."""

from __future__ import annotations

MAX_PEER_TEXT = 48  # a Bluetooth local name is at most 248 bytes; a log line needs far less


def printable(text: str, limit: int = MAX_PEER_TEXT) -> str:
    """Keep printable characters only, at most `limit` of them."""
    kept = "".join(char if char.isprintable() else "?" for char in text[: limit + 1])
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"
