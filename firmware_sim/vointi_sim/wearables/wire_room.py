"""More values of room sensors as bytes, pure."""

from __future__ import annotations

import math
import struct

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

# Ruuvi's one byte of light: 254 logarithmic steps up to 65535 lx.
_LIGHT_STEP = math.log(65_536) / 254
_BTHOME_UUID = b"\xd2\xfc"
_ENCRYPTED = 0x01


def ruuvi_6(
    *,
    temperature_cel: float,
    humidity_pct: float,
    pressure_hpa: float,
    pm2_5: float,
    co2_ppm: float,
    voc_index: int,
    nox_index: int,
    light_lx: float,
    sequence: int,
    address: str,
) -> bytes:
    """Ruuvi data format 6, big-endian, without the company identifier 0x0499."""
    flags = (voc_index & 1) << 6 | (nox_index & 1) << 7
    return (
        struct.pack(
            ">BhHHHHBBBBBB",
            6,
            round(temperature_cel / 0.005),
            round(humidity_pct / 0.0025),
            round(pressure_hpa * 100) - 50_000,
            round(pm2_5 * 10),
            round(co2_ppm),
            *(voc_index >> 1, nox_index >> 1),
            round(math.log(light_lx + 1) / _LIGHT_STEP),
            *(0xFF, sequence & 0xFF, flags),
        )
        + bytes.fromhex(address.replace(":", ""))[3:]
    )


def sealed_bthome(plain: bytes, *, key: bytes, address: str, counter: int) -> bytes:
    """Encrypt BTHome v2 service data (without the UUID) by AES-CCM."""
    info = bytes([plain[0] | _ENCRYPTED])
    raw = struct.pack("<I", counter)
    nonce = bytes.fromhex(address.replace(":", "")) + _BTHOME_UUID + info + raw
    sealed = AESCCM(key, tag_length=4).encrypt(nonce, plain[1:], None)
    return info + sealed[:-4] + raw + sealed[-4:]


def ess_values(
    temperature_cel: float, humidity_pct: float, pressure_hpa: float, co2_ppm: float
) -> dict[int, bytes]:
    """Environmental Sensing characteristics by their UUIDs."""
    return {
        0x2A6E: struct.pack("<h", round(temperature_cel * 100)),
        0x2A6F: struct.pack("<H", round(humidity_pct * 100)),
        0x2A6D: struct.pack("<I", round(pressure_hpa * 1000)),
        0x2B8C: struct.pack("<H", round(co2_ppm)),
    }
