"""How an edge asks the gateway for a file over HTTPS in its own name.

`Authorization: Vointi-Edge SERIAL:AT:SIGNATURE`: the hex serial of its certificate, UTC seconds,
and base64 of the DER of ECDSA-SHA256 by the certificate's key over `statement`. The door of HTTPS
asks nobody for a certificate, because residents come in by it, too.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

from vointi_contract.checks import MAX_US
from vointi_contract.errors import PayloadError

SCHEME: Final = "Vointi-Edge"
#: How far the two clocks may be apart; a recording of an errand is worth nothing after that.
SKEW_S: Final = 600
_FIX: Final = f"write {SCHEME} serial:seconds:signature"
_LONGEST: Final = 400


@dataclass(frozen=True, slots=True)
class Errand:
    """Who asks (hex serial), when (UTC seconds), and the signature that proves it."""

    serial: str
    at_s: int
    signature: bytes

    @property
    def header(self) -> str:
        """The value of `Authorization`."""
        return f"{SCHEME} {self.serial}:{self.at_s}:{b64encode(self.signature).decode()}"

    @classmethod
    def from_header(cls, text: str) -> Errand:
        """From the value of `Authorization`; raises PayloadError."""
        scheme, _, rest = text.partition(" ")
        parts = rest.split(":")
        if scheme != SCHEME or len(parts) != 3 or len(text) > _LONGEST:
            raise PayloadError("Authorization", _FIX)
        serial, at_s, signature = parts
        if not at_s.isascii() or not at_s.isdecimal() or int(at_s) > MAX_US:
            raise PayloadError("Authorization", _FIX)
        try:
            return cls(serial, int(at_s), b64decode(signature, validate=True))
        except ValueError:  # also of letters beyond ASCII
            raise PayloadError("Authorization", _FIX) from None


def statement(path: str, at_s: int) -> bytes:
    """What is signed: that `path` is asked for now."""
    return f"vointi/1/errand\0{path}\0{at_s}".encode()
