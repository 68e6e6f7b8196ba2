"""RuuviTag data format 5 (RAWv2), manufacturer data of company 0x0499.

Source: Ruuvi Sensor Protocols, "Data format 5". Big-endian; all-ones (or 0x8000) means "no value".
"""

from __future__ import annotations

import struct

from vointi_edge.decoders.values import Decoded, channel
from vointi_edge.errors import DecodeError

_FORMAT = struct.Struct(">BhHHhhhHBH6s")


def ruuvi_5(data: bytes) -> Decoded:
    """Decode to room_temperature [Cel], room_humidity [%], air_pressure [hPa], acc_x/y/z [m[g]].

    Repeats of one measurement share its sequence number.
    """
    if len(data) != _FORMAT.size or data[0] != 5:
        raise DecodeError("RuuviTag", f"needs {_FORMAT.size} bytes of format 5")
    _, temperature, humidity, pressure, x, y, z, _, _, sequence, _ = _FORMAT.unpack(data)
    channels = []
    if temperature != -0x8000:
        channels.append(channel("room_temperature", [temperature], 0.005))
    if humidity != 0xFFFF:
        channels.append(channel("room_humidity", [humidity], 0.0025))
    if pressure != 0xFFFF:
        channels.append(channel("air_pressure", [pressure], 0.01, 500.0))
    for metric, value in (("acc_x", x), ("acc_y", y), ("acc_z", z)):
        if value != -0x8000:
            channels.append(channel(metric, [value]))
    return Decoded(tuple(channels), repeat_key=None if sequence == 0xFFFF else sequence)
