"""Heart Rate Measurement, characteristic 0x2A37 (Heart Rate Service 1.0, clause 3.1)."""

from __future__ import annotations

from vointi_contract.frame import Quality

from vointi_edge.decoders.values import Cursor, Decoded, channel

_WIDE_RATE, _CONTACT, _CONTACT_KNOWN, _ENERGY, _RR = 0x01, 0x02, 0x04, 0x08, 0x10
_RR_MS = 1000 / 1024  # clause 3.1.1.4: RR intervals are in 1/1024 s
_ENERGY_FULL = 0xFFFF  # clause 3.1.1.3: the counter stays here until it is reset


def heart_rate(data: bytes) -> Decoded:
    """Decode to heart_rate [/min], rr_interval [ms] (oldest first), hr_contact [1].

    Where it is sent, energy_expended [kJ] since the counter was reset. Without skin contact (flags
    bits 1-2 = 10) a rate is a leftover or a guess: it is left out, and so are the intervals.
    """
    cursor = Cursor(data, "heart rate measurement")
    flags = cursor.flags(1, 0x1F)
    worn = flags & (_CONTACT | _CONTACT_KNOWN) != _CONTACT_KNOWN
    channels = [channel("heart_rate", [cursor.unsigned(2 if flags & _WIDE_RATE else 1)])]
    channels = channels if worn else []
    if flags & _ENERGY:
        energy = cursor.unsigned(2)
        if energy != _ENERGY_FULL:
            channels.append(channel("energy_expended", [energy]))
    if flags & _RR and cursor.left >= 2:
        intervals = [cursor.unsigned(2) for _ in range(cursor.left // 2)]
        channels += [channel("rr_interval", intervals, _RR_MS)] if worn else []
    quality = cursor.end()
    if flags & _CONTACT_KNOWN:
        channels.append(channel("hr_contact", [int(worn)]))
        quality |= Quality.OK if worn else Quality.NOT_WORN
    return Decoded(tuple(channels), quality)
