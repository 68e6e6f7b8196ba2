"""The kernel's IIO attributes: which files hold a metric, and what their texts mean.

Documentation/ABI/testing/sysfs-bus-iio: `in_<channel>_input` is in the ABI's unit;
`(in_<channel>_raw + offset) × scale` gives the same. The ABI's units are milli-degrees Celsius,
milli-percent relative humidity, kilopascal, percent of concentration, micrograms per cubic metre
and lux.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import NamedTuple

from vointi_contract.frame import Channel

from vointi_edge.decoders.decimals import decimal_channel, decimal_text
from vointi_edge.decoders.values import channel
from vointi_edge.errors import DecodeError


class _Quantity(NamedTuple):
    channel: str
    factor: Decimal  # ABI unit → our unit


QUANTITIES = {
    "room_temperature": _Quantity("temp", Decimal("0.001")),
    "room_humidity": _Quantity("humidityrelative", Decimal("0.001")),
    "air_pressure": _Quantity("pressure", Decimal(10)),
    "co2": _Quantity("concentration_co2", Decimal(10_000)),
    "voc": _Quantity("concentration_voc", Decimal(10_000_000)),
    "pm1": _Quantity("massconcentration_pm1", Decimal(1)),
    "pm2_5": _Quantity("massconcentration_pm2p5", Decimal(1)),
    "pm4": _Quantity("massconcentration_pm4", Decimal(1)),
    "pm10": _Quantity("massconcentration_pm10", Decimal(1)),
    "illuminance": _Quantity("illuminance", Decimal(1)),
}
_INT32 = 2**31


def iio_files(metric: str, present: Collection[str]) -> tuple[str, ...]:
    """Return the files to read for `metric` out of those that a device has.

    DecodeError when the device does not measure it. Scale and offset may be shared by all channels
    of a type.
    """
    name = QUANTITIES[metric].channel
    if f"in_{name}_input" in present:
        return (f"in_{name}_input",)
    if f"in_{name}_raw" not in present:
        raise DecodeError(metric, f"the sensor has neither in_{name}_input nor in_{name}_raw")
    wanted = [f"in_{name}_raw"]
    for kind in ("scale", "offset"):
        shared = f"in_{name.partition('_')[0]}_{kind}"
        own = f"in_{name}_{kind}"
        wanted += [own] if own in present else [shared] if shared in present else []
    return tuple(wanted)


def iio_channel(metric: str, files: Mapping[str, str], correction: float = 1.0) -> Channel:
    """Decode the texts of `iio_files` to one value in the metric's unit; raises DecodeError.

    `correction` is for drivers that do not keep to the ABI's unit.
    """
    factor = QUANTITIES[metric].factor * Decimal(str(correction))
    numbers = {name: decimal_text(name, text.strip()) for name, text in files.items()}
    by_kind = {name.rpartition("_")[2]: (name, value) for name, value in numbers.items()}
    if "input" in by_kind:
        return decimal_channel(metric, by_kind["input"][1], factor)
    name, raw = by_kind["raw"]
    if raw != int(raw) or abs(raw) >= _INT32:
        raise DecodeError(name, f"{raw} is no whole number of 32 bits")
    scale = by_kind.get("scale", (name, Decimal(1)))[1] * factor
    if not scale:
        raise DecodeError(by_kind["scale"][0], "must not be 0")
    offset = by_kind.get("offset", (name, Decimal(0)))[1]
    return channel(metric, [int(raw)], float(scale), float(offset * scale))
