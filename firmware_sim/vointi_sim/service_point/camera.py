"""A camera that counts people: live-sum.json behind digest authentication, on a real socket."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import re
import secrets
from collections.abc import Callable
from enum import StrEnum

from vointi_sim.listener import Listener

_PATHS = ("/local/people-counter/.api?live-sum.json", "/local/tvpc/.api?live-sum.json")
_REALM = "AXIS_00408CAC512B"
_PAIR = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]*))')


class Mood(StrEnum):
    """How the camera answers: well, or as a device in trouble does."""

    WELL = "well"
    BUSY = "busy"  # 503
    GARBAGE = "garbage"
    HUGE = "huge"
    BOMB = "bomb"  # a megabyte of zeros in a thousand compressed bytes
    SLOW = "slow"  # the head, then nothing
    HANG_UP = "hang_up"


class Camera(Listener):
    """`counts` gives people in and out. Without `password` everybody may ask."""

    limit = 8192

    def __init__(
        self, counts: Callable[[], tuple[int, int]], username: str = "", password: str = ""
    ) -> None:
        super().__init__()
        self.mood = Mood.WELL
        self.password = password
        self.asked = 0
        self.refused = 0
        self._username = username
        self._counts = counts
        self._nonce = secrets.token_hex(16)

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer requests for as long as they come."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await self._answer(head.decode("latin-1"), writer)

    async def _answer(self, head: str, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        method, target, _ = head.split("\r\n", 1)[0].split(" ", 2)
        if self.password and not self._allowed(method, target, head):
            self.refused += 1
            challenge = f'Digest realm="{_REALM}", nonce="{self._nonce}", algorithm=MD5, qop="auth"'
            self._send(writer, "401 Unauthorized", b"", f"WWW-Authenticate: {challenge}\r\n")
        elif target not in _PATHS:
            self._send(writer, "404 Not Found", b"no such page")
        else:
            await self._speak(writer)
        await writer.drain()

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        match self.mood:
            case Mood.BUSY:
                self._send(writer, "503 Service Unavailable", b"starting")
            case Mood.GARBAGE:
                self._send(writer, "200 OK", b"<html>\xff\x00 starting")
            case Mood.HUGE:
                self._send(writer, "200 OK", b"[" * 1_000_000)
            case Mood.BOMB:
                body = gzip.compress(bytes(1_000_000))
                self._send(writer, "200 OK", body, "Content-Encoding: gzip\r\n")
            case Mood.SLOW:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
                await asyncio.sleep(3600)
            case Mood.HANG_UP:
                raise ConnectionError
            case Mood.WELL:
                self._send(writer, "200 OK", self._live_sum())

    def _live_sum(self) -> bytes:
        came, went = self._counts()
        told = {"serial": "00408CAC512B", "name": "Entrance", "timestamp": "20260105120000"}
        return json.dumps({**told, "in": came, "out": went}).encode()

    def _send(
        self, writer: asyncio.StreamWriter, status: str, body: bytes, headers: str = ""
    ) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)

    def _allowed(self, method: str, target: str, head: str) -> bool:
        """RFC 7616 with MD5 and qop=auth, which is what these cameras speak."""
        line = next((one for one in head.split("\r\n") if one.lower().startswith("authori")), "")
        given = {name: quoted or bare for name, quoted, bare in _PAIR.findall(line)}
        if given.get("nonce") != self._nonce or given.get("uri") != target:
            return False
        whose = _md5(f"{self._username}:{_REALM}:{self.password}")
        what = _md5(f"{method}:{target}")
        proof = f"{whose}:{self._nonce}:{given.get('nc')}:{given.get('cnonce')}:auth:{what}"
        return secrets.compare_digest(given.get("response", ""), _md5(proof))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
