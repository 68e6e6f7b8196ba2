"""Fetch a release over HTTPS, bounded, and keep it only if it is the one that was ordered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import httpx
from vointi_contract.release_file import MAX_RELEASE

from vointi_edge.errors import EdgeError, UpdateError
from vointi_edge.update.source import Source

#: What can go wrong with it.
FETCH_ERRORS: Final = (EdgeError, OSError, httpx.HTTPError, httpx.InvalidURL)
_TIMEOUT_S: Final = 60.0
#: Before each further attempt: a router that begins anew takes minutes. What is here stays.
WAITS_S: Final = (5.0, 30.0, 120.0, 300.0)
_PARTIAL: Final = 206


async def fetch(
    source: Callable[[], Source], target: Path, digest: str, waits_s: tuple[float, ...] = WAITS_S
) -> None:
    """Write what the source gives to `target`; raises one of FETCH_ERRORS, leaves no part then."""
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            for wait_s in (*waits_s, None):
                try:
                    await _go_on(source(), file)
                    break
                except httpx.TransportError:
                    if wait_s is None:
                        raise
                    await asyncio.sleep(wait_s)
        if await asyncio.to_thread(_digest, part) != digest:
            raise UpdateError("release", "is not the one that was ordered (sha256)")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


async def _go_on(source: Source, file: IO[bytes]) -> None:
    """Get what is still missing."""
    have = file.tell()
    headers = dict(source.headers) | ({"Range": f"bytes={have}-"} if have else {})
    client = httpx.AsyncClient(verify=source.tls, timeout=_TIMEOUT_S, trust_env=False)
    async with client, client.stream("GET", source.url, headers=headers) as answer:
        answer.raise_for_status()
        if answer.status_code != _PARTIAL:
            file.seek(0)
            file.truncate()
        async for chunk in answer.aiter_raw():
            file.write(chunk)
            if file.tell() > MAX_RELEASE:
                raise UpdateError("release", f"more than {MAX_RELEASE} bytes")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
