"""Points as line protocol. Values are always floats: a field's first type is its type for good.

Tags are few and bounded: pilot, subject (pseudonym), device, stream, metric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vointi_contract.errors import UnknownMetricError
from vointi_contract.metrics import Kind, by_name

from ..model import Point

#: Where values go that are no waveform.
MEASUREMENTS = ("vitals", "activity", "device_health", "environment", "place", "other")
_ACTIVITY = {"steps", "cadence"}
_HEALTH = {"battery_level", "hr_contact"}


def measurement(metric: str) -> str:
    """The InfluxDB measurement that a metric belongs to."""
    if metric in _ACTIVITY:
        return "activity"
    if metric in _HEALTH:
        return "device_health"
    try:
        known = by_name(metric)
    except UnknownMetricError:
        return "other"
    if known.kind is Kind.WAVEFORM:
        return "waveform_1s"
    if known.code >= 60:
        return "place"
    return "environment" if known.code >= 40 else "vitals"


def encode_lines(points: Iterable[Point], person_of: Callable[[str, int], str | None]) -> bytes:
    """Line protocol with microsecond times.

    `person_of` maps a device's global id and a UTC µs to the pseudonym of who wore it then.

    Names are ids of the contract (a-z, 0-9, -, _ and the dot between edge and device), so nothing
    needs escaping.
    """
    lines = []
    for point in points:
        person = person_of(point.device, point.t_us)
        subject = f",subject={person}" if person else ""
        tags = f"device={point.device},metric={point.metric},pilot={point.pilot}"
        fields = ",".join(f"{name}={value!r}" for name, value in point.fields)
        head = f"{measurement(point.metric)},{tags},stream={point.stream}{subject}"
        lines.append(f"{head} {fields} {point.t_us}")
    return "\n".join(lines).encode()
