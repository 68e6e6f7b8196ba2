"""The box's serial protocol: one JSON object a line, with a checksum that a lost byte breaks."""

from __future__ import annotations

import binascii
import json


def crc_ccitt_false(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, not reflected, no final XOR."""
    return binascii.crc_hqx(data, 0xFFFF)


def line(seq: int, uptime_ms: int, kind: str, **fields: float) -> bytes:
    """One message as `{…}*CRC16\\n`; `seq` counts up by one from 1 at power-on."""
    text = json.dumps(
        {"seq": seq, "uptime_ms": uptime_ms, "kind": kind, **fields}, separators=(",", ":")
    ).encode()
    return b"%s*%04X\n" % (text, crc_ccitt_false(text))
