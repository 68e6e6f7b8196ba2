"""Scale and body composition: 0x2A9D and 0x2A9C."""

from __future__ import annotations

from vointi_contract.frame import Channel

from vointi_edge.decoders.body import user_index
from vointi_edge.decoders.values import Cursor, Decoded, channel

_KG_PER_LB = 0.45359237
_UNSUCCESSFUL = 0xFFFF
_KILOGRAM, _POUND = 0.005, 0.01 * _KG_PER_LB  # one step of a mass, in kg
# Optional fields of Body Composition in their order: flag, metric, scale (None: a mass).
_COMPOSITION: tuple[tuple[int, str, float | None], ...] = (
    (1 << 3, "basal_metabolism", 1.0),
    (1 << 4, "muscle_percentage", 0.1),
    (1 << 5, "muscle_mass", None),
    (1 << 6, "fat_free_mass", None),
    (1 << 7, "soft_lean_mass", None),
    (1 << 8, "body_water", None),
    (1 << 9, "body_impedance", 0.1),
    (1 << 10, "body_weight", None),
)
_HEIGHT = 1 << 11


def weight_measurement(data: bytes) -> Decoded:
    """Decode 0x2A9D to body_weight [kg] and, if sent, body_mass_index and user_index.

    Weight Scale Service 1.0.1, clause 3.2. The height, which somebody typed in, is not taken.
    """
    cursor = Cursor(data, "weight measurement")
    flags = cursor.flags(1, 0x0F)
    channels: list[Channel] = []
    weight = cursor.unsigned(2)
    if weight != _UNSUCCESSFUL:  # clause 3.2.1.1
        channels.append(channel("body_weight", [weight], _POUND if flags & 0x01 else _KILOGRAM))
    taken_s = cursor.calendar() if flags & 0x02 else None
    if flags & 0x04:
        user_index(channels, cursor)
    if flags & 0x08:
        index = cursor.unsigned(2)
        cursor.take(2)
        if index and weight != _UNSUCCESSFUL:
            channels.append(channel("body_mass_index", [index], 0.1))
    quality = cursor.end()
    return Decoded(() if weight == _UNSUCCESSFUL else tuple(channels), quality, taken_s=taken_s)


def body_composition(data: bytes) -> Decoded:
    """Decode 0x2A9C to body_fat [%] and whatever else the scale measures.

    Body Composition Service 1.0, clause 3.2. A measurement too long for one message comes in two
    ("multiple packet", flag 12), each of which is decoded by itself. The height, which somebody
    typed in, is not taken.
    """
    cursor = Cursor(data, "body composition measurement")
    flags = cursor.flags(2, 0x1FFF)
    mass = _POUND if flags & 0x01 else _KILOGRAM
    fat = cursor.unsigned(2)
    channels = [channel("body_fat", [fat], 0.1)]
    taken_s = cursor.calendar() if flags & 0x02 else None
    if flags & 0x04:
        user_index(channels, cursor)
    for flag, metric, scale in _COMPOSITION:
        if flags & flag:
            channels.append(channel(metric, [cursor.unsigned(2)], mass if scale is None else scale))
    if flags & _HEIGHT:
        cursor.take(2)
    quality = cursor.end()
    return Decoded(() if fat == _UNSUCCESSFUL else tuple(channels), quality, taken_s=taken_s)
