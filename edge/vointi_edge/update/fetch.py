"""Fetch a release over HTTPS, bounded, and keep it only if it is the one that was ordered."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Final

import httpx

from vointi_edge.errors import UpdateError
from vointi_edge.update.orders import MAX_RELEASE

#: What can go wrong with it.
FETCH_ERRORS: Final = (UpdateError, OSError, httpx.HTTPError, httpx.InvalidURL)
_TIMEOUT_S: Final = 60.0


async def fetch(url: str, tls: ssl.SSLContext, target: Path, digest: str) -> None:
    """Write what `url` gives to `target`; raises one of FETCH_ERRORS, and leaves no part behind."""
    part = target.with_name(f"{target.name}.part")
    client = httpx.AsyncClient(verify=tls, timeout=_TIMEOUT_S, trust_env=False)
    try:
        async with client, client.stream("GET", url) as answer:
            answer.raise_for_status()
            await _keep(answer, part, digest)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


async def _keep(answer: httpx.Response, part: Path, digest: str) -> None:
    found, size = hashlib.sha256(), 0
    with part.open("wb") as file:
        async for chunk in answer.aiter_raw():
            size += len(chunk)
            if size > MAX_RELEASE:
                raise UpdateError("release", f"more than {MAX_RELEASE} bytes")
            found.update(chunk)
            file.write(chunk)
    if found.hexdigest() != digest:
        raise UpdateError("release", "is not the one that was ordered (sha256)")
