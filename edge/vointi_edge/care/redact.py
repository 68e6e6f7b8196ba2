"""Taking out of texts what support must not see: secrets, people, addresses, readings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_MAC: Final = re.compile(r"\b([0-9A-Fa-f]{2}([:_-]))(?:[0-9A-Fa-f]{2}\2){4}[0-9A-Fa-f]{2}\b")
_ASSIGNMENT: Final = re.compile(r"^(\s*)([A-Za-z0-9_.\"-]+)(\s*=\s*)(.*)$")
#: Keys of edge.toml whose value may leave the box. Whatever is new is hidden until it is named.
SHOWN: Final = frozenset(
    {
        "edge", "pilot", "site", "role", "trust", "speed", "port", "protocol", "backend", "hci",
        "adapters", "links", "commit_ms", "hold_ms", "max_bytes", "id", "model", "transport",
        "enable", "catalogue_dir", "data_dir", "host", "tls",
    }
)  # fmt: skip
HIDDEN: Final = "(hidden)"


def redact_config(text: str) -> str:
    """edge.toml with every value hidden that is not known to be harmless, comments left out."""
    return "\n".join(_config_line(line) for line in text.splitlines()) + "\n"


def _config_line(line: str) -> str:
    stripped = line.strip()
    if not stripped or stripped.startswith("["):
        return line
    match = _ASSIGNMENT.match(line)
    if match is None:
        return HIDDEN
    indent, key, equals, value = match.groups()
    shown = value.split("#", 1)[0].rstrip() if key in SHOWN else f'"{HIDDEN}"'
    return f"{indent}{key}{equals}{shown}"


class Redactor:
    """Replaces known people by numbers and every device address by its first byte.

    `secrets` vanish wholly. The same person has the same number throughout a bundle.
    """

    def __init__(self, people: Iterable[str], secrets: Iterable[str]) -> None:
        self._words = {person: f"person-{n}" for n, person in enumerate(sorted(set(people)), 1)}
        self._words |= {secret: HIDDEN for secret in secrets if secret}

    def text(self, text: str) -> str:
        """The text without them."""
        for word in sorted(self._words, key=len, reverse=True):
            text = text.replace(word, self._words[word])
        return _MAC.sub(lambda found: f"{found[1]}…", text)
