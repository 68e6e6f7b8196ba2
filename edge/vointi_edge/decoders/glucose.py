"""Glucose meter, characteristic 0x2A18 (Glucose Service 1.0.1, clause 3.1)."""

from __future__ import annotations

from vointi_contract.frame import Channel, Quality

from vointi_edge.decoders.values import Cursor, Decoded, append

_MMOL_PER_MOL = 1000.0
_MMOL_L_PER_KG_L = 1e6 / 180.156  # the molar mass of glucose, g/mol
_CONTROL_SOLUTION = 10
_OUT_OF_RANGE = 1 << 5 | 1 << 6  # result too high, too low
# Malfunction, sample too small, strip (two), temperature (two), pulled too early, general fault.
_DOUBTFUL = 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10
_MINUTE_S = 60


def glucose_measurement(data: bytes) -> Decoded:
    """Decode 0x2A18 to blood_glucose [mmol/L].

    A measurement of control solution is nobody's and has no value. `repeat_key` is the meter's own
    sequence number: it tells a stored record again as often as it is asked.
    """
    cursor = Cursor(data, "glucose measurement")
    flags = cursor.flags(1, 0x1F)
    sequence = cursor.unsigned(2)
    taken_s = cursor.calendar()
    if flags & 0x01:
        minutes = cursor.signed(2)
        taken_s = None if taken_s is None else taken_s + minutes * _MINUTE_S
    channels: list[Channel] = []
    control = False
    if flags & 0x02:
        value = cursor.sfloat()
        append(
            channels,
            "blood_glucose",
            value,
            _MMOL_PER_MOL if flags & 0x04 else _MMOL_L_PER_KG_L,
        )
        control = cursor.unsigned(1) & 0x0F == _CONTROL_SOLUTION
    status = cursor.flags(2, 0x0FFF) if flags & 0x08 else 0
    quality = cursor.end()
    quality |= Quality.SATURATED if status & _OUT_OF_RANGE else Quality.OK
    quality |= Quality.NOISY if status & _DOUBTFUL else Quality.OK
    return Decoded(() if control else tuple(channels), quality, sequence, taken_s=taken_s)
