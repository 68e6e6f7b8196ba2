"""One-time passwords by time (RFC 6238: SHA-1, 30 s, six digits, as every authenticator)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from urllib.parse import quote

STEP_S = 30
#: A phone's clock may be this many steps off.
DRIFT = 1


def new_secret() -> str:
    """160 random bits as base 32 (RFC 4226, section 4, R6)."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def code(secret: str, step: int) -> str:
    """The six digits of one step (RFC 4226, section 5.3)."""
    mac = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    at = mac[-1] & 0x0F
    number: int = struct.unpack(">I", mac[at : at + 4])[0] & 0x7FFF_FFFF
    return f"{number % 1_000_000:06d}"


def matching_step(secret: str, given: str, now_s: float, used: int) -> int | None:
    """The step that `given` is of, later than the last `used` one; None when it is of none."""
    now = int(now_s) // STEP_S
    for step in range(now - DRIFT, now + DRIFT + 1):
        if step > used and hmac.compare_digest(code(secret, step).encode(), given.encode()):
            return step
    return None


def uri(secret: str, name: str) -> str:
    """What an authenticator reads as a QR code."""
    return f"otpauth://totp/Vointi:{quote(name)}?secret={secret}&issuer=Vointi"
