"""One HTTP request with hard limits; every way to fail becomes one plain sentence."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx

from vointi_edge.errors import SourceError

# A camera on the same cable answers in milliseconds; a busy one in a second.
_WHOLE_S = 8.0
_STEP_S = 4.0
_REASONS = {
    401: "refuses user name and password; check both",
    403: "refuses this user; give it the right to view",
    404: "has no such page; is the people-counter application started?",
    429: "is asked too often",
    503: "is busy or still starting",
}


class Fetcher:
    """Asks one device again and again; it may restart in between.

    Redirects are not followed and proxies not used: the answer comes from the device itself.
    The password is read anew after each refusal, so that a new one needs no restart.
    """

    def __init__(
        self, device: str, url: str, username: str | None, password_file: Path | None, most: int
    ) -> None:
        self._device = device
        self._url = url
        self._username = username
        self._password_file = password_file
        self._most = most
        self._auth: httpx.DigestAuth | None = None
        self._client = httpx.AsyncClient(
            timeout=_STEP_S, trust_env=False, limits=httpx.Limits(max_connections=1)
        )

    async def get(self) -> bytes:
        """Return the body, at most `most` bytes; raises SourceError."""
        try:
            async with asyncio.timeout(_WHOLE_S):
                return await self._get()
        except TimeoutError:
            raise self._error(f"did not answer within {_WHOLE_S:.0f} s") from None
        except httpx.TimeoutException:
            raise self._error(f"did not answer within {_STEP_S:.0f} s") from None
        except httpx.ConnectError:
            raise self._error("cannot be reached; check its cable and address") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self._error(f"broke off ({type(error).__name__})") from None

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def _get(self) -> bytes:
        body = b""
        # Not compressed: a few bytes could become gigabytes before they are counted.
        plain = {"Accept-Encoding": "identity"}
        asking = self._client.stream("GET", self._url, auth=self._digest(), headers=plain)
        async with asking as response:
            if response.status_code != httpx.codes.OK:
                self._auth = None
                code = response.status_code
                raise self._error(_REASONS.get(code, f"answers with status {code}"))
            async for part in response.aiter_raw():
                body += part
                if len(body) > self._most:
                    raise self._error(f"sends more than {self._most} bytes; is the address right?")
        return body

    def _digest(self) -> httpx.DigestAuth | None:
        """Return the credentials, which remember the last challenge: one request is enough."""
        if self._username is None or self._password_file is None:
            return None
        if self._auth is None:
            try:
                password = self._password_file.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                name = self._password_file.name
                raise self._error(f"needs a password, but {name} cannot be read") from None
            self._auth = httpx.DigestAuth(self._username, password)
        return self._auth

    def _error(self, reason: str) -> SourceError:
        return SourceError(self._device, f"the device {reason}")
