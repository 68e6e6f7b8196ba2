"""Where a release comes from."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Source:
    """An address, whom to trust there, and what to say to it."""

    url: str
    tls: ssl.SSLContext
    headers: Mapping[str, str] = field(default_factory=dict)


#: A command's `url` → where that is, asked anew for each attempt. Raises EdgeError.
Find: TypeAlias = Callable[[str], Source]
