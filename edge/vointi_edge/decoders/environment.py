"""Environmental Sensing: one characteristic, one value (GATT Specification Supplement).

Every format below is that of the Supplement's entry of the same name; "unknown" values are left
out, "this or more" values are marked SATURATED.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from vointi_contract.frame import Channel, Quality

from vointi_edge.decoders.values import Cursor, Decoded, append, channel

_UG_PER_KG = 1e9


class _Form(NamedTuple):
    """An integer of `size` bytes: its metric, one step, and what is no measured value."""

    metric: str
    size: int
    scale: float = 1.0
    signed: bool = False
    unknown: int | None = None
    or_more: int | None = None


_INTEGERS = {
    "ess_temperature": _Form("room_temperature", 2, 0.01, signed=True, unknown=-0x8000),  # 2A6E
    "ess_humidity": _Form("room_humidity", 2, 0.01, unknown=0xFFFF),  # 2A6F
    "ess_pressure": _Form("air_pressure", 4, 0.001),  # 2A6D, in 0.1 Pa
    "ess_dew_point": _Form("dew_point", 1, signed=True),  # 2A7B
    "ess_uv_index": _Form("uv_index", 1),  # 2A76
    "ess_illuminance": _Form("illuminance", 3, 0.01, unknown=0xFFFFFF, or_more=0xFFFFFE),  # 2AFB
    "ess_co2": _Form("co2", 2, unknown=0xFFFF, or_more=0xFFFE),  # 2B8C
    "ess_voc": _Form("voc", 2, unknown=0xFFFF, or_more=0xFFFE),  # 2BE7
    "ess_noise": _Form("sound_level", 1, unknown=0xFF, or_more=0xFE),  # 2BE4
}
_DUST = {"ess_pm1": "pm1", "ess_pm2_5": "pm2_5", "ess_pm10": "pm10"}  # 2BD5, 2BD6, 2BD7


def _integer(name: str, form: _Form) -> Callable[[bytes], Decoded]:
    def decode(data: bytes) -> Decoded:
        cursor = Cursor(data, name)
        value = cursor.signed(form.size) if form.signed else cursor.unsigned(form.size)
        if form.or_more is not None and value == form.or_more:
            cursor.quality |= Quality.SATURATED
        quality = cursor.end()
        if value == form.unknown or value > 0x7FFF_FFFF:
            return Decoded((), quality)
        return Decoded((channel(form.metric, [value], form.scale),), quality)

    return decode


def _concentration(name: str, metric: str) -> Callable[[bytes], Decoded]:
    """Decode a medfloat16 in kg/m³."""

    def decode(data: bytes) -> Decoded:
        cursor = Cursor(data, name)
        channels: list[Channel] = []
        append(channels, metric, cursor.sfloat(), _UG_PER_KG)
        return Decoded(tuple(channels), cursor.end())

    return decode


DECODERS: dict[str, Callable[[bytes], Decoded]] = {
    **{name: _integer(name, form) for name, form in _INTEGERS.items()},
    **{name: _concentration(name, metric) for name, metric in _DUST.items()},
}
